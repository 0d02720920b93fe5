"""Runs that were: found, compared, removed."""
