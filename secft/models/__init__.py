"""Base models: found or built on this machine, described by digests.

Importing this package loads neither torch nor transformers.
"""

from secft.models.base_model import BaseModel, describe_model, read_chat_template
from secft.models.cache import default_cache_dir
from secft.models.resolve import resolve_model

__all__ = ["BaseModel", "default_cache_dir", "describe_model", "read_chat_template", "resolve_model"]
