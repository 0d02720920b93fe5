"""The registry of models that passed their gates."""
