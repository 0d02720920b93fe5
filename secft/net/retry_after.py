"""How long a server asks to wait: the header Retry-After, whatever bytes it holds (RFC 9110, section 10.2.3)."""

from __future__ import annotations

import re
import time
from datetime import UTC
from email.utils import parsedate_to_datetime

_SECONDS = re.compile(r"[0-9]{1,9}(?:\.[0-9]{0,9})?")


def asked_wait(header: str | None) -> float | None:
    """Return the seconds from now that a header asks for, never less than 0; None where it asks for nothing sensible.

    Args:
        header: seconds, or a date of HTTP; one without a time zone is taken as UTC.
    """
    text = (header or "").strip()
    if _SECONDS.fullmatch(text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
        seconds = (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return max(0.0, seconds)
