"""Addresses as they are shown and kept: without the names, passwords and tokens that people put into them."""

from __future__ import annotations

import re

REDACTED = "[redacted]"

_USER = re.compile(r"(?<=://)[^\s/?#'\"<>]*@")
_PARAMETER = re.compile(
    r"(?i)([?&;](?!\w{0,40}page_?token=)"
    r"(?:[\w.-]{0,60}?(?:token|secret|passw(?:or)?d|pwd|signature|credential|api[_-]?key)|sig|auth|authorization)=)"
    r"[^\s&#;,'\"<>\[\]{}()]+"
)
_KEY = re.compile(r"(?i)([?&;](?:[\w.-]{0,60}[_-])?key=)[^\s&#;,'\"<>\[\]{}()]{20,}")
"""What is called a key alone may be the name of a page, unless it is long."""


def without_credentials(text: str) -> str:
    """Return a text whose addresses hold no user, password, token or signature.

    What follows is no test of whether something is a secret: ``user@`` before a host and the parameters by which
    servers take credentials are cut whatever they hold.
    """
    if "=" not in text and "@" not in text:
        return text
    text = _USER.sub(f"{REDACTED}@", text)
    return _KEY.sub(rf"\1{REDACTED}", _PARAMETER.sub(rf"\1{REDACTED}", text))
