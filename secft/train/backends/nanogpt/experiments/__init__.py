"""Bespoke model blocks behind feature flags, off by default."""
