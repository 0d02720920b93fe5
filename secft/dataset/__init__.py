"""From published knowledge to a frozen, documented dataset: sources, synthesis, curation, versions."""
