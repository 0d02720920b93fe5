"""The commands of the command line: a module for each, named as the command, with the record ``COMMAND``."""
