"""Programs that backends launch; each runs as ``python -m secft.train.engines.<name> <directory>``."""
