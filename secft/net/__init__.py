"""The network, safely: one address is fetched under limits, and never from a private place by accident.

``fetch`` resolves the host itself, checks every address that the name has, connects to a checked address (there is no
second look-up that could answer differently), and does the same after each redirect. Proxies of the environment are
not used: through them, the check would not hold.
"""

from __future__ import annotations

from secft.errors import FetchError, FetchFailed, FetchRefused
from secft.net.addresses import is_public_address, resolve_host
from secft.net.fetching import Response, fetch

__all__ = ["FetchError", "FetchFailed", "FetchRefused", "Response", "fetch", "is_public_address", "resolve_host"]
