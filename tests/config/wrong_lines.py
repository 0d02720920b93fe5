"""Wrong command lines, made by seed: every kind of mistake, alone and several together."""

from __future__ import annotations

import random
import string
from collections.abc import Callable, Sequence

from secft.config.catalogue import SettingFacts, catalogue

Mistake = Callable[[random.Random], list[str]]


def wrong_lines(count: int, seed: int) -> list[list[str]]:
    """Return command lines, each with one to three mistakes and up to two settings that are right."""
    draw = random.Random(seed)
    lines = []
    for number in range(count):
        first = MISTAKES[number % len(MISTAKES)]
        others = draw.sample(MISTAKES, draw.randrange(3))
        words = [word for mistake in (first, *others) for word in mistake(draw)]
        lines.append([*words, *draw.sample(RIGHT, draw.randrange(3))])
    return lines


RIGHT: Sequence[str] = (
    "seed=3",
    "trainer.epochs=2",
    "source=[cwe]",
    "model=tiny",
    "eval.tasks=refusal",
    "paths.data=d",
)
GROUPS = ("trainer", "model", "backend", "source", "synthesis", "dedup", "hardware", "eval", "gates", "llm")


def _facts(draw: random.Random, kind: str = "") -> SettingFacts:
    """Return a setting of the options that are taken by default."""
    usual = ("trainer=lora", "model=smollm2", "backend=trl", "synthesis=hybrid", "curation=standard", "eval=standard")
    known = [one for one in catalogue().values()
             if one.type.startswith(kind) and (not one.options or set(one.options) & set(usual))]  # fmt: skip
    return draw.choice(known)


def _misspelt(word: str, draw: random.Random) -> str:
    place = draw.randrange(max(len(word) - 1, 1))
    return draw.choice((word[:place] + word[place + 1 :], word[:place] + "qx" + word[place:], f"{word}zz"))


def _unknown_key(draw: random.Random) -> list[str]:
    head, dot, leaf = _facts(draw).key.rpartition(".")
    return [f"{draw.choice(('', '+', '++'))}{head}{dot}{_misspelt(leaf, draw)}zz=1"]


def _deeper_key(draw: random.Random) -> list[str]:
    return [f"{_facts(draw, 'int').key}.deeper=1"]


def _wrong_type(draw: random.Random) -> list[str]:
    return [f"{_facts(draw, draw.choice(('int', 'float', 'bool'))).key}={draw.choice(('many', '[1,2]', '{a:1}'))}"]


def _out_of_range(draw: random.Random) -> list[str]:
    key = draw.choice(("trainer.lora.r", "trainer.warmup_ratio", "dedup.threshold", "seed", "eval.confidence"))
    return [f"{key}={draw.choice(('-7', '1e999', 'nan', '-inf', '99999999999999999999999'))}"]


def _huge(draw: random.Random) -> list[str]:
    return [f"{draw.choice(('seed', 'trainer.max_steps', 'eval.resamples'))}={'9' * draw.choice((400, 5000, 70_000))}"]


def _beyond_64_bits(draw: random.Random) -> list[str]:
    return [f"{draw.choice(('trainer.max_steps', 'eval.resamples', 'trainer.pass_tokens'))}={'9' * 30}"]


def _reference(draw: random.Random) -> list[str]:
    key = draw.choice(("name", "seed", "trainer.lora.r", "paths.data", "evidence.agent", "trainer.learning_rate"))
    to = draw.choice(("nope", "trainer.nope", key, "trainer", "oc.env:NO_SUCH_VARIABLE", "nope:x", "a b", ""))
    return [f"{key}=${{{to}}}"]


def _circle(draw: random.Random) -> list[str]:
    return ["name=${evidence.agent}", "evidence.agent=${name}"]


def _option(draw: random.Random) -> list[str]:
    return [f"{draw.choice(GROUPS)}={draw.choice(('nosuch', 'null', '', '7', '{a:1}', '[lora,full]x', '${name}'))}"]


def _null(draw: random.Random) -> list[str]:
    return [f"{draw.choice(('trainer.lora', 'paths', 'seed', 'source.cwe', 'eval.tasks', 'curation.split'))}=null"]


def _removed(draw: random.Random) -> list[str]:
    return [f"~{draw.choice(('seed', 'trainer', 'trainer.lora.r', 'source.cwe', 'nosuch', 'trainer=lora'))}"]


def _unquoted(draw: random.Random) -> list[str]:
    sign = draw.choice(("í", "~", "#", "=", "'", '"', "]", "}", ")", "ß", "日本", "`", "€", "|", "&"))
    return [f"name=a{sign}b"]


def _bracket(draw: random.Random) -> list[str]:
    return [
        f"trainer.lora.target_modules={draw.choice(('[a', '[a,[b]', '{a:1', 'x(1', '[' * 300, '[' * 60 + ']' * 60))}"
    ]


def _bytes(draw: random.Random) -> list[str]:
    return [draw.choice(("name=a\0b", "paths.data=\udcff", "na\0me=1", "\udcffname=1"))]


def _key_signs(draw: random.Random) -> list[str]:
    return [draw.choice(("a..b=1", ".=1", "@=1", "trainer@x=lora", "=1", "1a=2", "a b=1", "trainer.=1", "%=2", "+=1"))]


def _flag(draw: random.Random) -> list[str]:
    return draw.choice(
        [
            ["--config-path", "/tmp"], ["--experimental-rerun", "x"], ["--package", "trainer"], ["--resolve"],
            ["--cfg"], ["--cfg", "nope"], ["--info", "nope"], ["--config-dir", "/no/such"], ["--config-name", "no"],
            ["--nosuch"], ["-z"], ["--cfg", "job", "--package", "nosuch"], ["--config-dir"], ["--config-name", "../x"],
            ["-cp", "x"], ["--config-dir=/dev/null"],
        ]
    )  # fmt: skip


def _of_hydra(draw: random.Random) -> list[str]:
    return [
        draw.choice(
            (
                "hydra.run.dir=/x", "hydra.job.chdir=true", "hydra/job_logging=none", "hydra.verbose=true", "hydra=5",
                "hydra.nope=1", "hydra/launcher=nosuch", "hydra/nosuch=1", "hydra.sweep.dir=x", "~hydra.run.dir",
                "hydra.launcher.n_jobs=2", "hydra.searchpath=[file:///no/such]", "hydra.searchpath=[pkg://os]",
                "hydra.callbacks.x._target_=os.system", "+hydra.foo=1",
            )
        )
    ]  # fmt: skip


def _sweep(draw: random.Random) -> list[str]:
    return draw.choice(
        [["seed=1,2"], ["trainer=lora,full"], ["-m", "seed=1,x"], ["-m", "trainer=lora,nosuch"], ["seed=range(1,3)"],
         ["-m", "trainer.learning_rate=interval(1e-5,1e-3)"], ["-m", "seed=glob(*)"], ["-m", "hydra.sweeper.no=1"],
         ["seed=choice(1,2)"], ["-m", "trainer.nosuch=1,2"], ["-m", "seed=shuffle(1,x)"]]
    )  # fmt: skip


def _word(draw: random.Random) -> list[str]:
    return ["".join(draw.choices(string.ascii_lowercase, k=9))]


def _experiment(draw: random.Random) -> list[str]:
    return [f"{draw.choice(('', '+'))}experiment={draw.choice(('nosuch', 'quik', '[quick,own_chats]', 'null'))}"]


def _mapping(draw: random.Random) -> list[str]:
    return [
        draw.choice(("eval.max_items={refusal:many}", "trainer.lora={r:8,rr:9}", "paths={data:[1]}", "paths=5",
                         "trainer.lora={r:{r:8}}", "source.cwe=5", "source.pdf.paths=[x]", "source.no.path=x"))
    ]  # fmt: skip


def _list(draw: random.Random) -> list[str]:
    return [draw.choice(("eval.tasks=[nosuch]", "eval.tasks=nosuch", "+eval.tasks=[nosuch]", "eval.tasks=[[refusal]]",
                         "trainer.lora.target_modules=[{a:1}]", "eval.tasks={a:1}"))]  # fmt: skip


MISTAKES: Sequence[Mistake] = (
    _unknown_key, _deeper_key, _wrong_type, _out_of_range, _huge, _beyond_64_bits, _reference, _circle, _option, _null,
    _removed, _unquoted, _bracket, _bytes, _key_signs, _flag, _of_hydra, _sweep, _word, _experiment, _mapping, _list,
)  # fmt: skip
