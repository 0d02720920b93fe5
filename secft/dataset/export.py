"""A frozen dataset in the form that other programs read: LLaMA-Factory, Axolotl, the Hugging Face Hub, Ollama.

Ollama trains nothing and has no form for datasets; what it reads are conversations in a Modelfile, which a model is
shown before each question. So its form is a Modelfile with a few of them.

Sources: LLaMA-Factory, data/README.md (``dataset_info.json``, OpenAI format, preference pairs); Axolotl, dataset
formats ``chat_template`` and ``chat_template.default``; Hugging Face Hub, dataset cards and ``data/<split>-*.parquet``;
Ollama, docs/modelfile.md (``FROM``, ``SYSTEM``, ``MESSAGE``).
"""

from __future__ import annotations

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from heapq import nsmallest
from pathlib import Path
from typing import Any

import yaml

from secft.dataset.freeze import CARD, FORMAT
from secft.dataset.split import SPLITS
from secft.errors import InputError
from secft.files import read_jsonl, storage_errors, write_json, write_jsonl, write_text
from secft.records import is_bad
from secft.versions import check_files

Row = Mapping[str, Any]
PAIRS = "pairs"
SHOWN, MOST_CHARACTERS = 8, 1_500
"""Conversations in a Modelfile, and how long each may be: they are read again before every question."""
_CHATS = {"type": "chat_template", "roles_to_train": ["assistant"]}
_PAIRS = {"type": "chat_template.default", "field_messages": "messages", "field_chosen": "chosen",
          "field_rejected": "rejected"}  # fmt: skip
_OPENAI = {
    "formatting": "openai",
    "columns": {"messages": "messages", "tools": "tools"},
    "tags": {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant",
             "system_tag": "system"},
}  # fmt: skip


def export(directory: Path, form: str, out: Path, name: str) -> list[Path]:
    """Write a frozen dataset in another program's form.

    Args:
        directory: the frozen dataset.
        form: one of FORMS.
        out: a new or empty directory.
        name: of the dataset, in the program's settings.

    Returns:
        The files, in order.

    Raises:
        InputError: there is something in the directory already, or the dataset is not as it was frozen.
        StorageError: the disk is full or cannot be written.
    """
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: is there already; name a new directory, or an empty one.")
    check_files(directory, FORMAT)
    with storage_errors(out):
        out.mkdir(parents=True, exist_ok=True)
        FORMS[form](directory, out, name)
    return sorted(path for path in out.rglob("*") if path.is_file())


def conversation(row: Row) -> dict[str, Any]:
    """Return the conversation of a row, with the tools that it offers."""
    return {"messages": row["messages"], **({"tools": row["tools"]} if row.get("tools") else {})}


def pair(row: Row) -> dict[str, Any]:
    """Return a row with a worse answer as a preference pair."""
    *asked, better = row["messages"]
    return {"messages": asked, "chosen": better, "rejected": {"role": "assistant", "content": row["rejected"]}}


def _write(directory: Path, out: Path, write: Callable[[Path, Iterator[Row]], Any]) -> dict[str, list[str]]:
    """Write conversations of each split, and pairs beside them where there are any.

    Returns:
        Split -> names of what was written: the split, and ``<split>_pairs``.
    """
    found: dict[str, list[str]] = {}
    for split in SPLITS:
        for names, ranked, made in ((split, False, conversation), (f"{split}_{PAIRS}", True, pair)):
            rows = partial(_rows, directory / f"{split}.jsonl", ranked)
            if next(rows(), None) is not None:
                write(out / names, map(made, rows()))
                found.setdefault(split, []).append(names)
    return found


def _rows(path: Path, ranked: bool) -> Iterator[Row]:
    """Yield the rows of a split that have a worse answer, or those that have none."""
    return (row for row in read_jsonl(path) if bool(row["rejected"]) == ranked and not is_bad(row))


def _llama_factory(directory: Path, out: Path, name: str) -> None:
    def write(place: Path, rows: Iterator[Row]) -> None:
        write_json(place.with_suffix(".json"), list(rows))

    info: dict[str, Any] = {}
    for split, names in _write(directory, out, write).items():
        for file in names:
            pairs = file.endswith(PAIRS)
            columns = {"messages": "messages", "chosen": "chosen", "rejected": "rejected"}
            entry = {"file_name": f"{file}.json", **_OPENAI}
            own = {**entry, "ranking": True, "columns": columns} if pairs else entry
            info[f"{name}_{split}{'_' + PAIRS if pairs else ''}"] = own
    write_json(out / "dataset_info.json", info)


def _axolotl(directory: Path, out: Path, name: str) -> None:
    def write(place: Path, rows: Iterator[Row]) -> None:
        write_jsonl(place.with_suffix(".jsonl"), rows)

    settings: dict[str, Any] = {}
    for split, names in _write(directory, out, write).items():
        key = {"train": "datasets", "validation": "test_datasets"}.get(split)
        for file in names if key else ():
            how = _PAIRS if file.endswith(PAIRS) else _CHATS
            entry = {"path": f"{file}.jsonl", "ds_type": "json", "split": "train", **how}
            settings.setdefault(str(key), []).append(entry)
            if how is _PAIRS:
                settings["rl"] = "dpo"
    head = f"# {name}: put these lines into the configuration of Axolotl; paths are relative to this directory.\n"
    write_text(out / "axolotl.yaml", head + yaml.safe_dump(settings, sort_keys=False))


def _hub(directory: Path, out: Path, name: str) -> None:
    splits = [split for split in SPLITS if next(iter(read_jsonl(directory / f"{split}.jsonl")), None) is not None]
    (out / "data").mkdir()
    for split in splits:
        shutil.copyfile(directory / f"{split}.parquet", out / "data" / f"{split}-00000-of-00001.parquet")
    card = (directory / CARD).read_text(encoding="utf-8")
    _, head, body = card.split("---\n", 2)
    facts = yaml.safe_load(head)
    files = [{"split": split, "path": f"data/{split}-*.parquet"} for split in splits]
    facts["configs"] = [{"config_name": "default", "data_files": files}]
    write_text(out / "README.md", f"---\n{yaml.safe_dump(facts, sort_keys=False, allow_unicode=True)}---\n{body}")


def _ollama(directory: Path, out: Path, name: str) -> None:
    def shown() -> Iterator[tuple[str, list[tuple[str, str]]]]:
        return (found for row in _rows(directory / "train.jsonl", False) if (found := _shown(row)) is not None)

    heads = Counter(system for system, _ in shown())
    if not heads:
        raise InputError(
            f"{name}: no conversation of the training split fits into a Modelfile (system, user and assistant, in "
            f"turn, of at most {MOST_CHARACTERS:,} characters, without tools)."
        )
    system = heads.most_common(1)[0][0]
    fitting = nsmallest(SHOWN, (turns for head, turns in shown() if head == system), key=_key)
    lines = [
        f"# {name}: {len(fitting)} conversations of the training split, shown to a model before each question.",
        f"# Nothing is trained by this. Put your model behind FROM, then: ollama create {name} -f Modelfile",
        "FROM MODEL",
        *([f'SYSTEM """{system}"""'] if system else []),
        *(f'MESSAGE {role} """{content}"""' for turns in fitting for role, content in turns),
    ]
    write_text(out / "Modelfile", "\n".join(lines) + "\n")


def _shown(row: Row) -> tuple[str, list[tuple[str, str]]] | None:
    """Return system message and turns of a conversation, or None where a Modelfile cannot hold it."""
    turns = [(turn["role"], turn["content"]) for turn in row["messages"]]
    system = turns.pop(0)[1] if turns[0][0] == "system" else ""
    alternating = [role for role, _ in turns] == ["user", "assistant"] * (len(turns) // 2)
    plain = not row.get("tools") and not any(turn.keys() - {"role", "content"} for turn in row["messages"])
    # Three quotation marks end a text there, and nothing escapes them.
    whole = all('"""' not in text and not text.endswith('"') for text in (system, *(content for _, content in turns)))
    short = sum(len(content) for _, content in turns) <= MOST_CHARACTERS
    return (system, turns) if alternating and plain and whole and short else None


def _key(turns: Sequence[tuple[str, str]]) -> str:
    return hashlib.sha256("\x1f".join(content for _, content in turns).encode("utf-8", "surrogatepass")).hexdigest()


FORMS: Mapping[str, Callable[[Path, Path, str], None]] = {
    "llama_factory": _llama_factory,
    "axolotl": _axolotl,
    "hub": _hub,
    "ollama": _ollama,
}
"""Form -> (frozen dataset, directory, name) -> writes it."""
