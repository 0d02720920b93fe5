"""Searching among jobs: what may be tried, what was tried, what is stopped early."""
