"""What findings about packages have in common, whichever tool wrote them."""

from __future__ import annotations


def update_advice(name: str, fixed: str, note: str = "") -> str:
    """Return to which version a package should be updated, or that none is known.

    Args:
        name: the package.
        fixed: the version, or several with commas; empty if none is known.
        note: why none is known, for example ``will not fix``.
    """
    return f"Update {name} to {fixed}." if fixed else f"No fixed version is known{f' ({note})' if note else ''}."


def installed(name: str, version: str, path: str = "") -> str:
    """Return the evidence that a package is there."""
    return f"installed {name} {version}{f' at {path}' if path else ''}".strip()
