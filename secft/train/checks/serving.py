"""The chat templates that a model is served with: inside a GGUF file, in an Ollama Modelfile, beside an adapter."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from secft.errors import InputError
from secft.models.base_model import TEMPLATE_FILE
from secft.train.checks.gguf_template import gguf_template
from secft.train.checks.model import config_of

MAX_BYTES = 2**20
"""Of a template or a Modelfile; real ones have a few thousand."""
ADAPTERS = ("adapter", "checkpoint*")
TOKENIZER_CONFIG = "tokenizer_config.json"
_TEMPLATE = re.compile(r'^TEMPLATE\s+("""(?P<long>.*?)"""|"(?P<short>[^"\n]*)"|(?P<bare>[^\n]+))', re.M | re.S | re.I)


@dataclass(frozen=True)
class ServedTemplate:
    """One template.

    Attributes:
        place: where it stands, for people.
        text: the template.
        language: ``jinja``, or ``go`` in a Modelfile.
    """

    place: str
    text: str
    language: str = "jinja"


def served_templates(model_dir: Path, served: Path | None) -> tuple[list[ServedTemplate], list[str]]:
    """Find the templates that a server would use for a model.

    Args:
        model_dir: directory of the model; GGUF files, a Modelfile, and a template that stands there twice.
        served: a GGUF file, a Modelfile, a Jinja file, or a directory with any of them, for example of an adapter.

    Returns:
        The templates, and what could not be read.
    """
    found: list[ServedTemplate] = []
    broken: list[str] = []
    for path in _places(model_dir, served):
        try:
            found += _read(path)
        except (InputError, OSError, UnicodeDecodeError) as error:
            broken.append(f"{path}: the template that serves the model cannot be read ({error})")
    return found, broken


def _places(model_dir: Path, served: Path | None) -> Iterator[Path]:
    yield from sorted(model_dir.glob("*.gguf"))
    yield from (path for path in (model_dir / "Modelfile",) if path.is_file())
    if (model_dir / TEMPLATE_FILE).is_file():  # it wins here; older servers read the other one
        yield from (path for path in (model_dir / TOKENIZER_CONFIG,) if path.is_file())
    for pattern in ADAPTERS:
        yield from (path for place in sorted(model_dir.glob(pattern)) for path in _of_directory(place))
    if served is not None:
        yield from _of_directory(served) if served.is_dir() else (served,)


def _of_directory(place: Path) -> list[Path]:
    named = [place / name for name in (TEMPLATE_FILE, "Modelfile")]
    if not named[0].is_file():
        named.append(place / TOKENIZER_CONFIG)
    return [path for path in [*named, *sorted(place.glob("*.gguf"))] if path.is_file()]


def _read(path: Path) -> list[ServedTemplate]:
    if path.suffix == ".gguf":
        text = gguf_template(path)
        return [ServedTemplate(str(path), text)] if text else []
    if path.name == TOKENIZER_CONFIG:
        value = config_of(path.parent, path.name).get("chat_template")
        return [ServedTemplate(str(path), value)] if isinstance(value, str) else []
    if path.stat().st_size > MAX_BYTES:
        raise InputError(f"larger than {MAX_BYTES:,} bytes")
    text = path.read_text(encoding="utf-8")
    match = _TEMPLATE.search(text)
    if match or path.name.lower().startswith("modelfile"):
        inside = next((part for part in match.groupdict().values() if part), "") if match else ""
        return [ServedTemplate(str(path), inside, "go")] if inside else []
    return [ServedTemplate(str(path), text)]
