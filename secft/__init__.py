"""secft: declarative, reproducible, gated fine-tuning of LLMs for security teams.

Importing this package is cheap: torch, transformers and the other heavy libraries are imported only by the
stage that needs them.
"""

__version__ = "0.1.0"
