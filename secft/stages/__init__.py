"""What each stage does: thin bridges from the configuration and artifacts to the layer that does the work."""
