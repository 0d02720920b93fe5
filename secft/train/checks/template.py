"""Whether a chat template can be trained on, and whether serving renders conversations as training does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from secft.errors import InputError, Problem
from secft.train.checks.model import config_of
from secft.train.checks.serving import ServedTemplate, served_templates
from secft.train.template import end_of_turn_ids

PROBES: tuple[list[dict[str, str]], ...] = (
    [{"role": "user", "content": "What is CWE-79?"}, {"role": "assistant", "content": "Cross-site scripting."}],
    [
        {"role": "system", "content": "Answer briefly."},
        {"role": "user", "content": "What is CWE-79?"},
        {"role": "assistant", "content": "Cross-site scripting."},
    ],
    [
        {"role": "user", "content": "What is CWE-79?"},
        {"role": "assistant", "content": "Cross-site scripting."},
        {"role": "user", "content": "How is it prevented?"},
        {"role": "assistant", "content": "By encoding output."},
    ],
)
"""Conversations of the shapes that datasets have."""
SHOWN = 60


@dataclass(frozen=True)
class Shapes:
    """Which kinds of conversations there are; a template is not asked about others.

    Attributes:
        system: some have a system message.
        turns: some have several questions.
    """

    system: bool = False
    turns: bool = False

    @property
    def probes(self) -> list[list[dict[str, str]]]:
        """Conversations of these kinds."""
        wanted = (True, self.system, self.turns)
        return [probe for probe, has in zip(PROBES, wanted, strict=True) if has]


EVERY_SHAPE = Shapes(system=True, turns=True)


def template_problems(
    tokenizer: Any,
    model_dir: Path,
    name: str,
    served: Path | None = None,
    *,
    shapes: Shapes = EVERY_SHAPE,
    adapt: Callable[[str], str] = str,
) -> list[Problem]:
    """Report what is wrong with a model's chat template, for training or for serving.

    Args:
        tokenizer: of the model.
        model_dir: its directory; templates of servers that lie there are compared.
        name: of the model, for messages.
        served: another file or directory that the model will be served from.
        shapes: of the conversations that are trained on.
        adapt: makes of a template the one that is used; of servers' templates, too, before they are compared.
    """
    if not getattr(tokenizer, "chat_template", None):
        remedy = "Use an instruct model, or put a chat_template.jinja into its directory."
        return [Problem("model", "has no chat template", name, remedy=remedy, code="template")]
    found = _end_of_turn(tokenizer, model_dir, name)
    found += _generation_prompt(tokenizer, name, shapes)
    templates, broken = served_templates(model_dir, served)
    for template in templates:
        difference = _difference(tokenizer, template, shapes, adapt)
        if difference:
            reason = f"{template.place} renders another prompt than the tokenizer's chat template: {difference}"
            remedy = "Serve the model with the template that it is trained with."
            found.append(Problem("model", reason, name, remedy=remedy, code="serving template"))
    found += [Problem("model.served_template", text, code="serving template", stops=False) for text in broken]
    return found


def _end_of_turn(tokenizer: Any, model_dir: Path, name: str) -> list[Problem]:
    try:
        closing = end_of_turn_ids(tokenizer)
    except InputError as error:
        return [Problem("model", str(error), name, remedy="Use another chat template.", code="end of turn")]
    stops = config_of(model_dir, "generation_config.json").get("eos_token_id")
    known = {stops} if isinstance(stops, int) else set(stops) if isinstance(stops, list) else set()
    if not known or closing & known:
        return []
    token = tokenizer.convert_ids_to_tokens(min(closing))
    reason = f"answers end with {token!r}, but generation_config.json stops at {sorted(known)} only"
    remedy = "Add its id to eos_token_id there, or answers will not end when the model is served."
    return [Problem("model", reason, name, remedy=remedy, code="end of turn", stops=False)]


def _generation_prompt(tokenizer: Any, name: str, shapes: Shapes) -> list[Problem]:
    """Report a template whose prompt for an answer is not how a finished conversation begins."""
    for probe in shapes.probes:
        whole, asked = rendered(tokenizer, probe), rendered(tokenizer, probe[:-1], prompt=True)
        if whole is None or asked is None or whole.startswith(asked):
            continue
        if any(message["content"] in asked and message["content"] not in whole for message in probe[:-1]):
            reason = "its chat template drops the system message once its question is answered"
            remedy = "Use model.system=question, which puts it into the first question, or data without such messages."
            return [Problem("model.system", reason, name, remedy=remedy, code="generation prompt")]
        at = next((i for i, (a, b) in enumerate(zip(whole, asked, strict=False)) if a != b), len(whole))
        reason = (
            "its chat template renders a conversation differently with the generation prompt: the model would be asked "
            f"with {asked[at : at + SHOWN]!r} where it was trained on {whole[at : at + SHOWN]!r}"
        )
        remedy = "Use a template whose generation prompt is the beginning of an answer as it is trained."
        if "<think>" in asked[at:]:
            remedy += " model.thinking=off leaves the opening of a thinking block out of the prompt."
        return [Problem("model", reason, name, remedy=remedy, code="generation prompt")]
    return []


def _difference(tokenizer: Any, template: ServedTemplate, shapes: Shapes, adapt: Callable[[str], str]) -> str:
    """Return how a template of a server differs in what it renders; empty if it does not."""
    if template.language == "go":
        return _other_marks(tokenizer, template.text)
    text = adapt(template.text)
    for probe in shapes.probes:
        for messages, prompt in ((probe, False), (probe[:-1], True)):
            ours = rendered(tokenizer, messages, prompt=prompt)
            theirs = rendered(tokenizer, messages, prompt=prompt, template=text)
            if ours is not None and ours != theirs:
                return f"{_head(theirs, ours)} instead of {_head(ours, theirs)}"
    return ""


def _other_marks(tokenizer: Any, text: str) -> str:
    """Compare by control tokens: a Go template cannot be rendered here, but its tokens can be read."""
    known = [token for token in tokenizer.all_special_tokens if len(token) > 1]
    known += [token for token in tokenizer.get_added_vocab() if token not in known]
    whole = "".join(rendered(tokenizer, probe, prompt=True) or "" for probe in PROBES)
    # A server puts the first token in front by itself, where that token is no part of a turn.
    own = tokenizer.bos_token if whole.count(tokenizer.bos_token or "\0") == len(PROBES) else None
    lacking = sorted(token for token in known if token in whole and token not in text and token != own)
    return f"it lacks {', '.join(map(repr, lacking))}" if lacking else ""


def rendered(
    tokenizer: Any, messages: list[dict[str, str]], *, prompt: bool = False, template: str | None = None
) -> str | None:
    """Return a conversation as a template renders it, or None if it refuses it."""
    chosen = {} if template is None else {"chat_template": template}
    try:
        return str(
            tokenizer.apply_chat_template(
                [dict(message) for message in messages], tokenize=False, add_generation_prompt=prompt, **chosen
            )
        )
    except Exception:  # noqa: BLE001  # templates raise errors of many types, their own raise_exception among them
        return None


def _head(text: str | None, other: str | None) -> str:
    if text is None:
        return "an error"
    at = next((i for i, (a, b) in enumerate(zip(text, other or "", strict=False)) if a != b), 0)
    return repr(text[max(at - SHOWN // 3, 0) : at + SHOWN])
