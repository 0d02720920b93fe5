"""A candidate against its base on the same held-out items, and the gates that decide.

Importing this package loads neither torch nor lm-eval; measuring does, inside functions.
"""
