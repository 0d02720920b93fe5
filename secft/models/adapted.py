"""A model with the chat template that it is used with: a directory of links to its files, and the template."""

from __future__ import annotations

import json
import shutil
import tempfile
from pathlib import Path

from secft.files import digest, replace_directory, share, write_json, write_text
from secft.models.base_model import TEMPLATE_FILE, read_chat_template
from secft.models.cache import MANIFEST, file_lock
from secft.models.chat_template import TemplateChoice, adapt_template
from secft.models.own_templates import chosen_template
from secft.models.soundness import read_object

VERSION = 1
TOKENIZER_CONFIG = "tokenizer_config.json"
WRITTEN = (TEMPLATE_FILE, MANIFEST)


def adapted_directory(directory: Path, choice: TemplateChoice, cache: Path) -> tuple[Path, tuple[str, ...]]:
    """Return a directory whose chat template is the one that is used: the model's own one where nothing is changed.

    Args:
        directory: a complete model; its chat template may be missing where one is chosen.
        choice: what the configuration says of the template.
        cache: folder of converted models.

    Returns:
        The directory, and what was changed about the template, for people.

    Raises:
        InputError: what is chosen is no template.
    """
    own = read_chat_template(directory)
    text = chosen_template(choice.template, directory) if choice.template else own
    adapted = adapt_template(text, choice)
    notes = (
        (f"its chat template is {choice.template} (model.chat_template)",) if choice.template else ()
    ) + adapted.notes
    if adapted.text == own:
        return directory, notes
    files = sorted(path for path in directory.iterdir() if path.is_file() and path.name not in WRITTEN)
    facts = [[path.name, str(path.resolve()), path.stat().st_size, path.stat().st_mtime_ns] for path in files]
    identity = digest({"version": VERSION, "files": facts, "template": adapted.text})
    entry = cache / f"{directory.absolute().name[:60]}-template-{identity[:16]}"
    with file_lock(cache / f".{entry.name}.lock"):
        if not (entry / MANIFEST).is_file():
            _build(entry, files, adapted.text, {"adapted_from": str(directory.absolute()), "notes": list(notes)})
    return entry, notes


def _build(entry: Path, files: list[Path], template: str, manifest: dict[str, object]) -> None:
    shutil.rmtree(entry, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{entry.name}.tmp-", dir=entry.parent))
    try:
        for path in files:
            if path.name == TOKENIZER_CONFIG and "chat_template" in (values := read_object(path)):
                del values["chat_template"]
                write_text(temporary / path.name, json.dumps(values, indent=2, ensure_ascii=False) + "\n")
            else:
                (temporary / path.name).symlink_to(path.resolve())
        write_text(temporary / TEMPLATE_FILE, template)
        write_json(temporary / MANIFEST, manifest)
        share(temporary)
        replace_directory(temporary, entry)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
