"""Sources of knowledge, a module or a package each; ``table.py`` finds them, ``reading`` holds what they share."""
