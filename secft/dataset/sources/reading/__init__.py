"""The one room for reading files that nobody vouches for: paths, archives, JSON, XML, YAML, Markdown."""
