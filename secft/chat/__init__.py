"""The one seam for asking a model."""
