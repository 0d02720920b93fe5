"""Every setting of secft as typed dataclasses: defaults live here, once."""
