"""Base models: found or built on this machine, described by digests.

Importing this package loads none of its modules: the command line reads facts of models without numpy. None of them
loads torch or transformers at import.
"""
