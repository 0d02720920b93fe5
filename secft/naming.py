"""Names that people give to runs, datasets and models, and the directories that are named after them.

One rule for all: letters and digits of any language, and a few signs. A name is one directory, never a path, and looks
the same on every system; spaces in it become hyphens.
"""

from __future__ import annotations

import re
import unicodedata

from secft.errors import InputError

LONGEST = 100
"""Characters."""
MOST_BYTES = 200
"""Bytes in UTF-8; file systems allow 255, and what stands beside a directory has a longer name."""
SIGNS = "._+=,@-"
ALLOWED = (
    f"letters and digits of any language, spaces, and {' '.join(SIGNS)} (not at the start); "
    f"at most {LONGEST} characters"
)
_RESERVED = re.compile(r"(?i)(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?")


def directory_name(name: str) -> str:
    """Return the name of the directory of what somebody named: composed characters, hyphens for spaces."""
    return re.sub(r"\s+", "-", unicodedata.normalize("NFC", name).strip())


def fault_of(name: str) -> str:
    """Return why a name cannot name a directory, or an empty string."""
    made = directory_name(name)
    if not made:
        return "is empty"
    if len(made) > LONGEST or len(made.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        return "is too long for the name of a directory"
    if "/" in made or "\\" in made or made.startswith((".", "~")):
        return "is a path or begins with a sign, and a name is one directory"
    # Letters of many languages are written with marks.
    strange = [sign for sign in made if unicodedata.category(sign)[0] not in "LNM" and sign not in SIGNS]
    if strange or unicodedata.category(made[0])[0] not in "LN" or made.endswith("."):
        return "holds what the name of a directory cannot hold on every system"
    return "is reserved by a system" if _RESERVED.fullmatch(made) else ""


def check_name(name: str, what: str) -> str:
    """Return the name of the directory of what somebody named.

    Args:
        name: as it was given.
        what: whose name it is, for the message.

    Raises:
        InputError: with the reason and what is allowed.
    """
    fault = fault_of(name)
    if fault:
        raise InputError(f"{name!r} cannot be the name of {what}: it {fault}. Allowed: {ALLOWED}.")
    return directory_name(name)
