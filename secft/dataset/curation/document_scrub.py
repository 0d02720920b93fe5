"""Replace credentials and personal data in documents, before anything is written about them or sent to a model.

A document is scrubbed in all its parts: title, text, address, and every string of its fields, however deep, so that
turns of chats, findings of scanners and steps of agents are covered. One value has one placeholder within a document.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

from secft.config.schemas.curation import SecretsConfig
from secft.dataset.curation.secrets import Placeholders, scrub_text
from secft.records import Document

SCRUBBED = "scrubbed"
"""Field with what was replaced in a document: kind -> number."""

_TELLING = re.compile(
    r"(?i)pass|pwd|secret|token|key|credential|auth|cookie|sess|clave|contrase|senha|segredo|chave|pin$|dni|nie$|nif|cif"
    r"|cpf|cnpj|curp|rfc|rut|cuit|cuil|ruc|c[eé]dula|nit$|ssn|nss|iban|cuenta|account|card|tarjeta|cart[aã]o|phone|tel|m[oó]vil|celular|fax"
)
"""Names of fields that say what their value is: the value is read together with the name."""
_LONGEST_NAMED = 500
_LEAST_NUMBER = 1_000_000


def scrub_document(document: Document, settings: SecretsConfig) -> tuple[Document, Counter[str]]:
    """Return a document without secrets, and the kinds that were replaced.

    Args:
        document: any document; its id stays, because other parts of a run refer to it.
        settings: which rules are used; without ``scrub`` the document stays as it is.

    Raises:
        MissingExtraError: detect-secrets is wanted and not installed.
    """
    if not settings.scrub:
        return document, Counter()
    placeholders = Placeholders()
    parts = {"title": document.title, "text": document.text, "url": document.url, "fields": document.fields}
    found = _strings(parts, lambda name, text: _scrubbed(name, text, settings, placeholders))
    if not placeholders.names:
        return document, Counter()
    # What was given away once is cut everywhere, also where nothing beside it says what it is.
    clean = _strings(found, lambda name, text: placeholders.repeated(text))
    counts = dict(sorted(placeholders.replaced.items()))
    fields = {**clean["fields"], SCRUBBED: counts}
    changed = replace(document, title=clean["title"], text=clean["text"], url=clean["url"], fields=fields)
    return changed, placeholders.replaced


def _strings(value: Any, change: Callable[[str, str], str], name: str = "") -> Any:
    """Return plain JSON with every string, and every long number, changed; ``change`` is given its name as well."""
    if isinstance(value, str):
        return change(name, value)
    if isinstance(value, Mapping):
        return {key: _strings(one, change, str(key)) for key, one in value.items()}
    if isinstance(value, list | tuple):
        return [_strings(one, change, name) for one in value]
    if isinstance(value, int) and abs(value) >= _LEAST_NUMBER:
        shown = change(name, str(value))
        return value if shown == str(value) else shown
    return value


def _scrubbed(name: str, value: str, settings: SecretsConfig, placeholders: Placeholders) -> str:
    if len(value) > _LONGEST_NAMED or not _TELLING.search(name):
        return scrub_text(value, settings, placeholders)
    head = f"{name}: "
    whole = scrub_text(head + value, settings, placeholders)
    # What was found across the border of name and value is no value.
    return whole.removeprefix(head) if whole.startswith(head) else scrub_text(value, settings, placeholders)
