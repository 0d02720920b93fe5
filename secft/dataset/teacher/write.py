"""Ask a teacher about passages, check what it writes, and keep a log of both."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import filterfalse
from typing import Any

from secft.chat.errors import ReplyFormatError
from secft.chat.protocol import Failure, Reply, Request
from secft.chat.schema import parse_json_reply
from secft.config.schemas.synthesis import WritingConfig
from secft.dataset.clean import comparable
from secft.dataset.curation.injection import injection_rules
from secft.dataset.teacher.attempts import Asker, PairAttempt, TeacherLog
from secft.dataset.teacher.checks import COPIED_RUN, Pair, Rules, can_be_quoted, reject
from secft.dataset.teacher.claims import ClaimJudge
from secft.dataset.teacher.identifiers import catalogue
from secft.dataset.teacher.passages import Passage, choose, sentence_keys, shares_sentence
from secft.dataset.teacher.prompts import Prompt, has_prompt, load_prompt
from secft.dataset.teacher.replies import Written, written
from secft.dataset.teacher.words import word_runs
from secft.errors import InputError
from secft.reasons import Reason
from secft.records import Document, Example, Message, Provenance

JUDGE = "judge"
INJECTED = Reason("teacher.injected")
_SHOWN_REASONS = 3
HOPELESS = 12
"""So many first replies, all rejected for one reason, are enough to know that more would be paid for in vain."""


Planned = list[tuple[str, Passage, Prompt]]
"""Task, passage and prompt of everything that is asked, in order."""


def plan_requests(
    documents: Mapping[str, Document],
    settings: WritingConfig,
    seed: int,
    log: TeacherLog | None = None,
    taught: Callable[[Document], bool] = lambda document: True,
) -> Planned:
    """Return what would be asked, in order, without asking; a passage that speaks to models is left out and counted.

    Nothing is asked about documents without a passage for any task, nor about those that are held out: what a model
    writes is not used to measure. Passages that hold sentences of those are left out, too: decontamination would drop
    what comes of them. Where answers are quoted, a passage must do as an answer.

    Args:
        documents: by id.
        settings: tasks, passages.
        seed: decides which passages are chosen.
        log: counts what is left out.
        taught: whether examples about a document are trained on.

    Raises:
        InputError: a prompt file is missing or broken.
    """
    prompts = {task: load_prompt(task, settings.answers, settings.prompts) for task in settings.tasks}
    characters = settings.passage_characters
    held_out = sentence_keys(filterfalse(taught, documents.values()), characters)
    quoted = settings.answers == "quoted"

    def usable(passage: Passage) -> bool:
        return not shares_sentence(passage, held_out) and (not quoted or can_be_quoted(passage))

    chosen = choose(filter(taught, documents.values()), settings.tasks, settings.passages, characters, seed, usable)
    kept = [(task, passage, prompts[task]) for task, passage in chosen if not injection_rules(passage.text)]
    # Requests with the same examples follow each other: a model on this machine reads those only once.
    kept.sort(key=lambda asked: (asked[0], asked[1].aspect, asked[1].document.kind))
    if log is not None and len(kept) < len(chosen):
        log.rejected[INJECTED] += len(chosen) - len(kept)
    return kept


def no_passage(settings: WritingConfig) -> InputError:
    """Return the error of documents about which nothing can be asked."""
    return InputError(
        f"no document has a passage for {', '.join(settings.tasks)}: choose other tasks (synthesis.writing.tasks) "
        "or sources, or allow longer passages (synthesis.writing.passage_characters)."
    )


def unanswerable_tasks(settings: WritingConfig) -> list[str]:
    """Return the tasks that cannot be asked with this kind of answers."""
    return [task for task in settings.tasks if not has_prompt(task, settings.answers, settings.prompts)]


def write_pairs(
    documents: Mapping[str, Document],
    planned: Planned,
    settings: WritingConfig,
    system_prompt: str,
    llm: Asker,
    log: TeacherLog,
    on_progress: Callable[[Any], None] | None = None,
    judge: Asker | None = None,
) -> list[Example]:
    """Ask about chosen passages and return what passes every check.

    Args:
        documents: by id.
        planned: what is asked, as plan_requests returned it for the same documents and log.
        settings: tasks, passages, rules.
        system_prompt: the system message of every example.
        llm: who is asked.
        log: filled here.
        on_progress: told how far the asking is.
        judge: who checks claims and scores pairs; None is who is asked.

    Raises:
        InputError: a prompt file is missing or broken, nothing can be asked, or nothing was accepted.
    """
    if not planned and not log.rejected:
        raise no_passage(settings)
    shown = {prompt.name: _runs_shown(prompt) for _, _, prompt in planned}
    known = catalogue(documents.values())
    requests = log.sending((passage, prompt.fill(passage)) for _, passage, prompt in planned)
    attempts: list[PairAttempt] = []
    for (task, passage, prompt), answer in zip(planned, llm.ask_all(requests, on_progress), strict=True):
        log.asked[task] += 1
        rules = Rules(settings.grounded, known, shown[prompt.name], judged=judges_claims(settings))
        attempts.append(_judged_by_rules(task, passage, prompt, answer, settings, rules))
        _stop_early(attempts, len(planned))
    attempts = _without_repetitions(attempts)
    if judges_claims(settings):
        attempts = _judged_by_claims(attempts, settings, judge or llm, log, on_progress)
    if settings.judge is not None:
        attempts = list(_judged_by_model(attempts, settings, judge or llm, log, on_progress))
    for attempt in attempts:
        if attempt.reason:
            log.rejected[attempt.reason] += 1
            log.rows.append(attempt.row())
        else:
            log.accepted[attempt.task] += 1
    accepted = [_example(attempt, system_prompt) for attempt in attempts if not attempt.reason]
    if not accepted:
        raise InputError(_nothing_accepted(log))
    return accepted


def _stop_early(attempts: Sequence[PairAttempt], asked: int) -> None:
    """End the asking where it can bring nothing: the first replies were all rejected for the same reason.

    Raises:
        InputError: with that reason, and how the first reply begins.
    """
    first = attempts[0].reason
    if len(attempts) != HOPELESS or asked == HOPELESS or first is None:
        return
    if any(attempt.reason is None or attempt.reason.code != first.code for attempt in attempts):
        return
    reply = attempts[0].reply
    begins = f" The first reply begins: {' '.join(reply.text.split())[:160]!r}." if reply else ""
    raise InputError(
        f"the first {HOPELESS} replies were all rejected for one reason ({first.text()}), so the other "
        f"{asked - HOPELESS:,} questions are not asked.{begins} Try another model or server (llm=...), "
        "or synthesis=template, which asks none."
    )


def _runs_shown(prompt: Prompt) -> frozenset[str]:
    texts = [text for _, role, text in prompt.examples if role == "assistant"]
    return frozenset().union(*(word_runs(text, COPIED_RUN) for text in texts)) if texts else frozenset()


def _judged_by_rules(
    task: str, passage: Passage, prompt: Prompt, answer: Reply | Failure, settings: WritingConfig, rules: Rules
) -> PairAttempt:
    if isinstance(answer, Failure):
        return PairAttempt(task, passage, prompt.purpose, None, None, Reason("teacher.no_reply", answer.reason))
    if answer.finish == "length":
        return PairAttempt(task, passage, prompt.purpose, None, answer, Reason("teacher.cut_off"))
    try:
        wrote = written(task, settings.answers, parse_json_reply(answer.text, prompt.schema), passage)
    except (ReplyFormatError, KeyError, TypeError) as error:
        return PairAttempt(task, passage, prompt.purpose, None, answer, Reason("teacher.format", _class_of(error)))
    return PairAttempt(task, passage, prompt.purpose, wrote, answer, _why_not(wrote, passage, rules))


def _class_of(error: Exception) -> str:
    return error.reason if isinstance(error, ReplyFormatError) else "the prompt's schema lacks a key of its task"


def _why_not(wrote: Written, passage: Passage, rules: Rules) -> Reason | None:
    """Return the first reason against any turn, against the situation, or against the worse answer; empty if none."""
    for pair in wrote.pairs:
        reason = reject(pair, passage, rules)
        if reason:
            return reason
    if wrote.opening:
        reason = reject(Pair(wrote.pairs[0].question, wrote.opening, quoted=False), passage, rules)
        # A situation may tell little that is new; what it tells must be true.
        if reason and not reason.code.startswith("answerability."):
            return Reason("teacher.situation", str(reason))
    answers = [comparable(pair.answer) for pair in wrote.pairs]
    if len(set(answers)) < len(answers):
        return Reason("teacher.turns")
    if wrote.rejected and comparable(wrote.rejected) == answers[0]:
        return Reason("teacher.worse")
    return None


def _without_repetitions(attempts: Sequence[PairAttempt]) -> list[PairAttempt]:
    """Reject questions that were accepted before, whatever their passage."""
    seen: set[str] = set()
    result = []
    for attempt in attempts:
        if attempt.reason or attempt.written is None:
            result.append(attempt)
            continue
        asked = comparable(f"{attempt.written.opening} {attempt.written.pairs[0].question}")
        result.append(_with(attempt, Reason("teacher.again")) if asked in seen else attempt)
        seen.add(asked)
    return result


def _with(attempt: PairAttempt, reason: Reason | None, score: int | None = None) -> PairAttempt:
    return PairAttempt(
        attempt.task, attempt.passage, attempt.prompt, attempt.written, attempt.reply, reason, score or attempt.score
    )


def judges_claims(settings: WritingConfig) -> bool:
    """Tell whether a model checks the claims of answers: quoted ones make none of their own."""
    return settings.answers == "free" and settings.claims == "judge"


def _judged_by_claims(
    attempts: Sequence[PairAttempt],
    settings: WritingConfig,
    judge: Asker,
    log: TeacherLog,
    on_progress: Callable[[Any], None] | None,
) -> list[PairAttempt]:
    """Reject what a judge says is not supported by its passage, or was never asked by anybody."""
    made = ClaimJudge(settings.prompts)
    asked = [
        (place, attempt.passage, question)
        for place, attempt in enumerate(attempts)
        if not attempt.reason and attempt.written
        for question in made.questions(attempt.written.pairs, attempt.written.opening, attempt.passage)
    ]
    requests = log.sending((passage, question.request) for _, passage, question in asked)
    against: dict[int, Reason] = {}
    for (place, _, question), answer in zip(asked, judge.ask_all(requests, on_progress), strict=True):
        reason = question.verdict(answer)
        if reason:
            against.setdefault(place, reason)
    return [_with(attempt, against.get(place, attempt.reason)) for place, attempt in enumerate(attempts)]


def _judged_by_model(
    attempts: Sequence[PairAttempt],
    settings: WritingConfig,
    llm: Asker,
    log: TeacherLog,
    on_progress: Callable[[Any], None] | None,
) -> Iterator[PairAttempt]:
    prompt = load_prompt(JUDGE, "free", settings.prompts)
    asked = [attempt for attempt in attempts if not attempt.reason and attempt.written]
    requests = log.sending((attempt.passage, _judge_request(prompt, attempt)) for attempt in asked)
    scores = dict(zip(map(id, asked), llm.ask_all(requests, on_progress), strict=True))
    for attempt in attempts:
        answer = scores.get(id(attempt))
        if answer is None:
            yield attempt
            continue
        try:
            score = None if isinstance(answer, Failure) else parse_json_reply(answer.text, prompt.schema)["score"]
        except ReplyFormatError:
            score = None
        low = score is None or score < (settings.judge or 0)
        reason = Reason("teacher.no_score") if score is None else Reason("teacher.low_score") if low else None
        yield _with(attempt, reason, score)


def _judge_request(prompt: Prompt, attempt: PairAttempt) -> Request:
    wrote = attempt.written
    assert wrote is not None  # only attempts that wrote something are judged
    asked = "\n".join(pair.question for pair in wrote.pairs)
    answers = "\n".join(pair.answer for pair in wrote.pairs)
    return prompt.fill(attempt.passage, question=f"{wrote.opening} {asked}".strip(), answer=answers)


def _messages(wrote: Written, system: str) -> tuple[Message, ...]:
    turns: list[Message] = [{"role": "system", "content": system}] if system else []
    for number, pair in enumerate(wrote.pairs):
        question = f"{wrote.opening} {pair.question}".strip() if number == 0 else pair.question
        turns += [{"role": "user", "content": question}, {"role": "assistant", "content": pair.answer}]
    return tuple(turns)


def _example(attempt: PairAttempt, system: str) -> Example:
    passage, reply, wrote = attempt.passage, attempt.reply, attempt.written
    assert reply is not None  # an accepted attempt has both
    assert wrote is not None
    document = passage.document
    return Example(
        id=f"{document.source}:{document.id}:{attempt.task}:{passage.aspect}.{passage.number}",
        task=attempt.task,
        entity=document.id,
        family=document.fields.get("parent") or document.id,
        messages=_messages(wrote, system),
        provenance=Provenance(
            document=document.id,
            fields=passage.fields,
            source=document.source,
            source_version=document.source_version,
            license=document.license,
            url=document.url,
            teacher=reply.model,
            prompt=attempt.prompt,
            parameters=reply.parameters,
            response=reply.digest,
        ),
        rejected=wrote.rejected,
    )


def _nothing_accepted(log: TeacherLog) -> str:
    worst = ", ".join(f"{reason.text()} ({count})" for reason, count in log.rejected.most_common(_SHOWN_REASONS))
    return (
        f"of {sum(log.asked.values())} requests not one gave an acceptable pair: {worst}. Try a stronger model "
        "(llm=openai, llm=gemini), synthesis.writing.answers=quoted, other tasks, or more passages; synthesis=template "
        "needs no model at all."
    )
