"""Plain scripts that run in the environments of backends, started by path with that environment's Python.

They import the standard library and what is installed there, nothing of secft. ``facts`` and
``utilisation`` are used by secft's own runners too. ``recording``, ``stopping`` and
``guards`` are callbacks of the transformers trainer that all of them share.
"""
