"""Why something was left out: a code with values, and its words in English and Spanish, each once.

Steps of curation and reasons for which they drop an example, and reasons for which what a teacher wrote is rejected.
Manifests hold the spelling of a reason (``length.long 512``), reports its words. A spelling that is none, as manifests
of earlier versions hold, is recognised by its English words, and shown as it is where it has none.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import Literal

Language = Literal["en", "es"]

WORDS: dict[str, tuple[str, str]] = {
    "injection": ("prompt injection", "inyección de instrucciones"),
    "injection.answer": ("prompt injection in the answer: {0}", "inyección de instrucciones en la respuesta: {0}"),
    "injection.question": (
        "prompt injection in the passage or question: {0}",
        "inyección de instrucciones en el pasaje o la pregunta: {0}",
    ),
    "injection.rejected": (
        "prompt injection in the worse answer: {0}",
        "inyección de instrucciones en la respuesta peor: {0}",
    ),
    "normalise": ("normalise and check", "normalización y comprobación"),
    "normalise.last_message": ("the last message is not the assistant's", "el último mensaje no es del asistente"),
    "normalise.empty": ("an empty message", "un mensaje vacío"),
    "normalise.no_choice": ("the answer is not among the choices", "la respuesta no está entre las opciones"),
    "normalise.other_choice": ("the reply is not the chosen choice", "la respuesta no es la opción elegida"),
    "normalise.equal_choices": ("two equal choices", "dos opciones iguales"),
    "secrets": ("secrets", "secretos"),
    "secrets.mostly": ("the answer is mostly a secret", "la respuesta es sobre todo un secreto"),
    "language": ("language", "idioma"),
    "language.other": ("language {0}", "idioma {0}"),
    "quality": ("quality", "calidad"),
    "quality.echo": ("the answer repeats the question", "la respuesta repite la pregunta"),
    "quality.disclaimer": ("refusal or talk about being a model", "negativa o comentario sobre ser un modelo"),
    "quality.unfinished": ("unfinished answer", "respuesta inacabada"),
    "quality.boilerplate": ("boilerplate of a web page", "texto repetitivo de una página web"),
    "quality.mean_word": (
        "words too short or too long on average",
        "palabras demasiado cortas o largas en promedio",
    ),
    "quality.symbols": ("too many number signs or ellipses", "demasiadas almohadillas o puntos suspensivos"),
    "quality.digits": ("mostly digits", "sobre todo cifras"),
    "quality.letters": ("too few words with letters", "demasiado pocas palabras con letras"),
    "quality.ellipses": ("too many lines end in an ellipsis", "demasiadas líneas acaban en puntos suspensivos"),
    "quality.bullets": ("too many bullets", "demasiadas viñetas"),
    "quality.lines": ("repeated lines", "líneas repetidas"),
    "quality.ngram": ("one {0}-gram over and over", "un {0}-grama una y otra vez"),
    "quality.fives": ("repeated 5-grams", "5-gramas repetidos"),
    "toxicity": ("toxicity", "toxicidad"),
    "toxicity.slur_question": ("a slur in the question", "un insulto en la pregunta"),
    "toxicity.slur_answer": ("a slur in the answer", "un insulto en la respuesta"),
    "toxicity.abuse_question": ("harassment or self-harm in the question", "acoso o autolesión en la pregunta"),
    "toxicity.abuse_answer": ("harassment or self-harm in the answer", "acoso o autolesión en la respuesta"),
    "coherence": ("coherence", "coherencia"),
    "coherence.identifier": (
        "the answer names an identifier that no document knows",
        "la respuesta nombra un identificador que ningún documento conoce",
    ),
    "coherence.unrelated": (
        "the answer shares no word with its question or subject",
        "la respuesta no comparte ninguna palabra con su pregunta ni con su tema",
    ),
    "labels": ("labels", "etiquetas"),
    "labels.minority": ("same question, another label than most have", "misma pregunta, otra etiqueta que la mayoría"),
    "labels.tie": ("same question, labels in conflict", "misma pregunta, etiquetas en conflicto"),
    "labels.near": ("nearly the same question, another right choice", "casi la misma pregunta, otra opción correcta"),
    "labels.contradiction": ("the label contradicts its document", "la etiqueta contradice su documento"),
    "length": ("length", "longitud"),
    "length.short": ("answer shorter than {0} tokens", "respuesta de menos de {0} tokens"),
    "length.long": ("longer than {0} tokens", "más de {0} tokens"),
    "exact_duplicates": ("exact duplicates", "duplicados exactos"),
    "exact_duplicates.same": ("same text as another example", "mismo texto que otro ejemplo"),
    "near_duplicates": ("near duplicates", "casi duplicados"),
    "near_duplicates.similar": (
        "Jaccard similarity to another example is {0} or more",
        "similitud de Jaccard con otro ejemplo de {0} o más",
    ),
    "semantic_duplicates": ("semantic duplicates", "duplicados semánticos"),
    "semantic_duplicates.similar": (
        "cosine to the embedding of another example is {0} or more",
        "coseno con la representación de otro ejemplo de {0} o más",
    ),
    "split.by.entity": ("split by entity", "división por entidad"),
    "split.by.family": ("split by family", "división por familia"),
    "split.phrasing": ("another phrasing of a held-out choice", "otra redacción de una pregunta reservada"),
    "split.taught": ("written by a model: not used to measure", "escrito por un modelo: no se usa para medir"),
    "decontamination": ("decontamination", "descontaminación"),
    "decontamination.words": (
        "shares {0} words in a row with a test answer",
        "comparte {0} palabras seguidas con una respuesta de prueba",
    ),
    "decontamination.question": ("same question as a test example", "misma pregunta que un ejemplo de prueba"),
    "evaluation_sets": ("evaluation sets", "conjuntos de evaluación"),
    "evaluation_sets.question": ("same question: {0}", "misma pregunta: {0}"),
    "evaluation_sets.words": ("shared words: {0}", "palabras compartidas: {0}"),
    "evaluation_sets.identifier": ("shared identifier: {0}", "identificador compartido: {0}"),
    "evaluation_sets.meaning": ("similar meaning: {0}", "significado parecido: {0}"),
    "guard.question": ("same question", "misma pregunta"),
    "guard.words": ("shared words", "palabras compartidas"),
    "guard.identifier": ("shared identifier", "identificador compartido"),
    "guard.meaning": ("similar meaning", "significado parecido"),
    "balance": ("balance of tasks", "equilibrio de tareas"),
    "balance.share": (
        "over the share of its source, task and class",
        "por encima de la cuota de su fuente, tarea y clase",
    ),
    "balance.added": (
        "over the share of what secft adds itself",
        "por encima de la cuota de lo que secft añade por su cuenta",
    ),
    "balance.cap": ("over the cap of {0}", "por encima del tope de {0}"),
    "teacher.injected": (
        "not asked: the passage holds instructions to a model",
        "no se preguntó: el pasaje contiene instrucciones para un modelo",
    ),
    "teacher.no_reply": ("no reply: {0}", "sin respuesta: {0}"),
    "teacher.cut_off": ("format: the reply was cut off", "formato: la respuesta quedó cortada"),
    "teacher.format": ("format: {0}", "formato: {0}"),
    "teacher.question_short": ("form: the question is too short", "forma: la pregunta es demasiado corta"),
    "teacher.question_long": ("form: the question is too long", "forma: la pregunta es demasiado larga"),
    "teacher.answer_short": ("form: the answer is too short", "forma: la respuesta es demasiado corta"),
    "teacher.answer_long": ("form: the answer is too long", "forma: la respuesta es demasiado larga"),
    "teacher.not_plain": ("form: the question is not plain text", "forma: la pregunta no es texto llano"),
    "teacher.not_asking": ("form: the question does not ask", "forma: la pregunta no pregunta"),
    "teacher.broken": ("form: the question is broken or repeats itself", "forma: la pregunta está rota o se repite"),
    "teacher.breaks_off": ("form: the answer breaks off", "forma: la respuesta se interrumpe"),
    "teacher.refusal": ("refusal", "negativa"),
    "teacher.copied": ("copied from the examples of the prompt", "copiado de los ejemplos de la instrucción"),
    "teacher.other_identifier": (
        "names an identifier not in its passage",
        "nombra un identificador que no está en su pasaje",
    ),
    "teacher.unknown_identifier": (
        "names an identifier that no catalogue knows",
        "nombra un identificador que ningún catálogo conoce",
    ),
    "teacher.number": (
        "groundedness: a number that is not in its passage",
        "fundamento: un número que no está en su pasaje",
    ),
    "teacher.name": (
        "groundedness: a name that is not in its passage",
        "fundamento: un nombre que no está en su pasaje",
    ),
    "teacher.off_passage": (
        "groundedness: the question is not about its passage",
        "fundamento: la pregunta no trata de su pasaje",
    ),
    "teacher.claim": (
        "groundedness: a claim that is not in its passage",
        "fundamento: una afirmación que no está en su pasaje",
    ),
    "teacher.negated": (
        "groundedness: a claim is turned into its opposite",
        "fundamento: una afirmación se convierte en su contraria",
    ),
    "answerability.unseen": (
        "answerability: points at something that a reader cannot see",
        "respondibilidad: señala algo que el lector no puede ver",
    ),
    "answerability.text": (
        "answerability: speaks of the text instead of its subject",
        "respondibilidad: habla del texto en lugar de su tema",
    ),
    "answerability.aspect": (
        "answerability: the passage is about {0}, the question is not",
        "respondibilidad: el pasaje trata de {0}, la pregunta no",
    ),
    "answerability.definition": (
        "answerability: asks for a definition, which its passage does not give",
        "respondibilidad: pide una definición que su pasaje no da",
    ),
    "answerability.recommended": (
        "answerability: asks how to prevent what its passage recommends",
        "respondibilidad: pregunta cómo evitar lo que su pasaje recomienda",
    ),
    "answerability.prevention": (
        "answerability: asks for prevention, which its passage does not tell",
        "respondibilidad: pregunta por la prevención, que su pasaje no explica",
    ),
    "answerability.detection": (
        "answerability: asks for detection, which its passage does not tell",
        "respondibilidad: pregunta por la detección, que su pasaje no explica",
    ),
    "answerability.negative": (
        "answerability: asks how something does not happen",
        "respondibilidad: pregunta cómo algo no ocurre",
    ),
    "answerability.given_away": (
        "answerability: the question gives the answer away",
        "respondibilidad: la pregunta delata la respuesta",
    ),
    "answerability.no_word": (
        "answerability: question and answer share no word",
        "respondibilidad: pregunta y respuesta no comparten ninguna palabra",
    ),
    "teacher.situation": ("situation: {0}", "situación: {0}"),
    "teacher.turns": ("the turns repeat each other", "los turnos se repiten"),
    "teacher.worse": ("the worse answer is the better one", "la respuesta peor es la mejor"),
    "teacher.again": ("asks what was asked before", "pregunta lo que ya se preguntó"),
    "teacher.no_score": ("the judge gave no score", "el juez no dio puntuación"),
    "teacher.low_score": ("judged too low", "puntuación demasiado baja"),
    "training.completed": ("completed", "completado"),
    "training.early_stopped": ("early_stopped", "detenido antes de tiempo"),
    "training.diverged": ("diverged", "divergió"),
}
"""Code -> words in English and Spanish, with ``{0}`` for a value."""

SPANISH_KINDS: dict[str, str] = {
    "agent_answer": "respuesta de agente",
    "assist": "ayuda legítima",
    "chat": "conversación",
    "check": "comprobación de controles",
    "classify": "clasificación",
    "consequence": "consecuencia",
    "detect": "detección",
    "explain": "explicación",
    "false_positives": "falsos positivos",
    "general": "conocimiento general",
    "guidance": "orientación",
    "implement": "implantación de controles",
    "log_source": "fuente de registros",
    "mitigate": "mitigación",
    "multiple_choice": "opción múltiple",
    "refuse": "rechazo",
    "severity": "gravedad",
    "tactic": "táctica",
    "technique": "técnica",
    "triage": "triaje",
    "weakness": "debilidad",
    "write_rule": "redacción de reglas",
}
"""Kind of example -> what Spanish reports call it; English ones use the name itself, and so do both for others."""


SPLIT_RULES = tuple(code.removeprefix("split.by.") for code in WORDS if code.startswith("split.by."))
"""Values of ``curation.split.by``; what each keeps together stands in secft/dataset/split.py."""


@dataclass(frozen=True, order=True)
class Reason:
    """A reason, or the name of a step.

    Attributes:
        code: one of WORDS, or an empty string for what an earlier version wrote and nobody knows.
        value: what the words speak of: a limit, a name; for an unknown reason its whole text.
    """

    code: str
    value: str = ""

    def __str__(self) -> str:
        return f"{self.code} {self.value}".strip()

    def text(self, language: Language = "en") -> str:
        """Return the words for people."""
        english, spanish = WORDS.get(self.code, ("{0}", "{0}"))
        words = spanish if language == "es" else english
        if self.code == "teacher.situation":
            return words.format(read_reason(self.value).text(language))
        value = kind_text(self.value, language) if self.code == "balance.cap" else self.value
        return words.format(value)


def kind_text(kind: str, language: Language = "en") -> str:
    """Return what reports call a kind of example."""
    return SPANISH_KINDS.get(kind, kind) if language == "es" else kind


@cache
def read_reason(spelling: str) -> Reason:
    """Return the reason of a spelling, or of the words that a manifest of an earlier version holds."""
    code, _, value = spelling.partition(" ")
    if code in WORDS and ("{0}" in WORDS[code][0]) == bool(value):
        return Reason(code, value)
    for known, pattern in _patterns():
        match = pattern.fullmatch(spelling)
        if match:
            return Reason(known, *match.groups())
    return Reason("", spelling)


def reason_text(spelling: str, language: Language = "en") -> str:
    """Return the words of a spelled reason."""
    return read_reason(spelling).text(language)


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Return the English words as patterns, those without a value first."""
    texts = sorted(((code, words) for code, (words, _) in WORDS.items()), key=lambda item: "{0}" in item[1])
    return [(code, re.compile(re.escape(words).replace(r"\{0\}", "(.+)"))) for code, words in texts]
