"""The chat template of a model as secft trains, evaluates and serves it: its own wherever that can be, else mended.

What is changed is put before the template's text or taken out of it, so that everything that reads the template renders
alike: a training of any backend, an evaluation, and a server that loads the adapter.
"""

from __future__ import annotations

import datetime
import re
from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from secft.errors import InputError
from secft.models.template_probe import SWITCH, TemplateTraits, template_traits

CLOCK = "strftime_now"
_SHADOWED = f"macro {CLOCK}"
DATE = "2024-07-26"
"""The day that templates are told by default: the one that Llama's name themselves where there is no clock."""
_THINK = re.compile(r"<think>(?:\\n|\n)?")
_FORMS = ("%-d", "%-m", "%a", "%A", "%b", "%B", "%d", "%e", "%H", "%I", "%j", "%m", "%M", "%p", "%S", "%y", "%Y", "%Z",
          "%F", "%D", "%T")  # fmt: skip
MOST_TRIES = 8


@dataclass(frozen=True)
class TemplateChoice:
    """What a configuration wants of a chat template.

    Attributes:
        template: ``chatml``, ``alpaca`` or a Jinja file; None is the model's own.
        thinking: ``auto`` asks without thinking where a template can, ``off`` always, ``on`` as the template does.
        system: ``auto`` puts system messages into the first question where the template takes none, ``question``
            always, ``template`` never.
        date: what templates that read the clock are told, an ISO date.
    """

    template: str | None = None
    thinking: str = "auto"
    system: str = "auto"
    date: str = DATE


@dataclass(frozen=True)
class AdaptedTemplate:
    """A template and what was changed about it, for people."""

    text: str
    notes: tuple[str, ...] = ()

    def led(self, lines: str, note: str) -> AdaptedTemplate:
        """Put something before the template, which renders nothing itself."""
        return AdaptedTemplate(_led(self.text, lines), (*self.notes, note))

    @property
    def traits(self) -> TemplateTraits:
        """What it does."""
        return template_traits(self.text)

    @property
    def trainable(self) -> bool:
        """Whether it tells what is learned of an answer, and where that ends."""
        return self.traits.prefix and self.traits.ended


def adapt_template(text: str, choice: TemplateChoice) -> AdaptedTemplate:
    """Return a template as it is used.

    Args:
        text: of the model, or what the configuration chose instead.
        choice: what the configuration says.

    Raises:
        InputError: the date is none.
    """
    found = AdaptedTemplate(text)
    if not text or found.traits.fault:
        return found
    for step in (_one_day, _in_parts, _system_in_question, _without_thinking, _trainable):
        found = step(found, choice)
    return found


def told_the_date(text: str, date: str = DATE) -> str:
    """Return a template that knows one day only: its clock is shadowed by a macro. One without a clock stays.

    Raises:
        InputError: the date is none.
    """
    if CLOCK not in text or _SHADOWED in text:
        return text
    try:
        day = datetime.datetime.fromisoformat(date)
    except ValueError as error:
        raise InputError(f"model.template_date: {date!r} is no date such as {DATE}") from error
    used = [form for form in _FORMS if form in text]
    spoken = "".join(f"|replace({form!r}, {day.strftime(form)!r})" for form in used)
    return _led(text, f"{{%- {_SHADOWED}(form) -%}}{{{{- form{spoken} -}}}}{{%- endmacro %}}")


def _led(text: str, lines: str) -> str:
    """Put something before a template, which renders nothing itself."""
    # A line break right behind a block is not rendered; one that begins the template is.
    return f"{lines}\n{text}" if text.startswith("\n") else f"{lines}{text}"


def _one_day(template: AdaptedTemplate, choice: TemplateChoice) -> AdaptedTemplate:
    text = told_the_date(template.text, choice.date)
    if text == template.text:
        return template
    note = f"the chat template reads the clock: it is told {choice.date} on every day (model.template_date)"
    return AdaptedTemplate(text, (*template.notes, note))


def _in_parts(template: AdaptedTemplate, choice: TemplateChoice) -> AdaptedTemplate:
    if not template.traits.parts:
        return template
    lines = (
        "{%- set listed = namespace(messages=[]) %}{%- for message in messages %}"
        "{%- if message['content'] is string %}{%- set listed.messages = listed.messages + "
        "[dict(message, content=[{'type': 'text', 'text': message['content']}])] %}"
        "{%- else %}{%- set listed.messages = listed.messages + [message] %}{%- endif %}{%- endfor %}"
        "{%- set messages = listed.messages %}"
    )
    return template.led(lines, "the chat template takes contents as lists of parts: texts are given so")


def _system_in_question(template: AdaptedTemplate, choice: TemplateChoice) -> AdaptedTemplate:
    rule = template.traits.system
    wanted = choice.system == "question" or (choice.system == "auto" and rule in ("refused", "ignored"))
    if not wanted or rule == "rendered":
        return template
    lines = (
        "{%- if messages|length > 1 and messages[0]['role'] == 'system' and messages[1]['role'] == 'user' %}"
        "{%- set messages = [dict(messages[1], content=messages[0]['content'] + '\\n\\n' + messages[1]['content'])]"
        " + messages[2:] %}{%- endif %}"
    )
    does = {"refused": "refuses a system message", "ignored": "leaves a system message out"}.get(
        rule, "drops a system message once its question is answered"
    )
    return template.led(lines, f"the chat template {does}: it stands before the first question (model.system)")


def _without_thinking(template: AdaptedTemplate, choice: TemplateChoice) -> AdaptedTemplate:
    if choice.thinking == "on":
        return template
    if template.traits.thinks:
        always, unless = f"{{%- set {SWITCH} = false %}}", f"{{%- if {SWITCH} is not defined %}}"
        lines = always if choice.thinking == "off" else f"{unless}{always}{{%- endif %}}"
        return template.led(lines, "the model is asked without thinking (model.thinking)")
    return _not_opened(template) if choice.thinking == "off" else template


def _not_opened(template: AdaptedTemplate) -> AdaptedTemplate:
    """Take out the opening of a thinking block that only a prompt has, and no answered conversation."""
    before = template.traits
    if before.prefix or "<think>" not in template.text:
        return template
    for match in list(_THINK.finditer(template.text))[:MOST_TRIES]:
        shorter = replace(template, text=template.text[: match.start()] + template.text[match.end() :])
        after = shorter.traits
        if not after.fault and after.prefix and after.answered == before.answered:
            return replace(shorter, notes=(*template.notes, "the model is asked without thinking (model.thinking)"))
    return template


def _trainable(template: AdaptedTemplate, choice: TemplateChoice) -> AdaptedTemplate:
    """Change a template that trl knows where it cannot tell what is learned.

    The opening of a thinking block is left out of its prompt or, if that does not help, trl's template for training is
    taken.
    """
    if template.trainable or not template.traits.answered:
        return template
    lead, own, training = _training_pair(template.text)
    if not training:
        return template
    changed = AdaptedTemplate(lead + training, (*template.notes, f"trl's chat template for training is used ({own})"))
    if choice.thinking == "on":
        return changed
    shorter = _not_opened(template)
    return shorter if shorter.trainable else _not_opened(changed)


def _training_pair(text: str) -> tuple[str, str, str]:
    """Return what leads a template, the name by which trl knows it, and trl's template for training; or nothing."""
    spec = find_spec("trl")
    places = list(spec.submodule_search_locations or ()) if spec else []
    for training in sorted(path for place in places for path in Path(place, "chat_templates").glob("*_training.jinja")):
        original = training.with_name(training.name.replace("_training", ""))
        known = original.read_text(encoding="utf-8") if original.is_file() else ""
        if known and text.endswith(known):
            return text[: -len(known)], original.stem, training.read_text(encoding="utf-8")
    return "", "", ""
