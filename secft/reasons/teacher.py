"""Why what a teacher model wrote is rejected."""

from __future__ import annotations

from secft.reasons.words import Words

TEACHER: Words = {
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
    "answerability.reader": (
        "answerability: asks what the reader does",
        "respondibilidad: pregunta qué hace el lector",
    ),
    "answerability.ranked": (
        "answerability: asks for a ranking or a difference, which its passage does not tell",
        "respondibilidad: pide una jerarquía o una diferencia que su pasaje no explica",
    ),
    "answerability.denied": (
        "answerability: its passage begins with what does not help",
        "respondibilidad: su pasaje empieza por lo que no ayuda",
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
    "teacher.unsupported": ("a claim that its passage does not support", "una afirmación que su pasaje no respalda"),
    "teacher.unanswerable": (
        "a question that its passage does not answer, or that nobody would ask",
        "una pregunta que su pasaje no responde o que nadie haría",
    ),
    "teacher.unchecked": ("a claim that the judge did not check", "una afirmación que el juez no comprobó"),
    "teacher.no_score": ("the judge gave no score", "el juez no dio puntuación"),
    "teacher.low_score": ("judged too low", "puntuación demasiado baja"),
}
