"""Curation of examples: one module for each question that is asked of them; ``secft.dataset.curate`` is the story."""
