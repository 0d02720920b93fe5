"""A model in this process, loaded once: the same for a teacher that is asked and for a candidate that is measured."""
