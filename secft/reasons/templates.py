"""Why a document gives no example of a task."""

from __future__ import annotations

from secft.reasons.words import Words

TEMPLATES: Words = {
    "template.injected": (
        "the document holds instructions to a model",
        "el documento contiene instrucciones para un modelo",
    ),
    "template.not_chat_record": (
        "not a chat record; use synthesis=template",
        "no es un registro de conversación; use synthesis=template",
    ),
    "template.title_only": ("no more than a title", "nada más que un título"),
    "template.report_title_only": (
        "the report says no more than a title",
        "el informe no dice nada más que un título",
    ),
    "template.no_sentence": ("no sentence of the description fits", "ninguna frase de la descripción cabe"),
    "template.no_statement_for_choice": (
        "no statement to choose a title for",
        "sin enunciado al que elegirle un título",
    ),
    "template.few_neighbours": (
        "too few similar entries for wrong options",
        "demasiado pocas entradas parecidas para opciones incorrectas",
    ),
    "template.no_fix": ("no fixed version and no advice", "sin versión corregida ni recomendaciones"),
    "template.no_cvss": ("no CVSS vector of version 3 or 4", "sin vector CVSS de la versión 3 o 4"),
    "template.no_severity": ("the tool states no severity", "la herramienta no indica gravedad"),
    "template.no_weakness": ("no weakness named", "no se nombra ninguna debilidad"),
    "template.many_weaknesses": ("more than {0} weaknesses named", "se nombran más de {0} debilidades"),
    "template.no_technique": ("no technique named", "no se nombra ninguna técnica"),
    "template.many_techniques": ("more than {0} techniques named", "se nombran más de {0} técnicas"),
    "template.no_tactic": ("no tactic of enterprise ATT&CK", "sin táctica de ATT&CK para empresas"),
    "template.not_technique": ("not a technique", "no es una técnica"),
    "template.not_weakness": ("not a weakness", "no es una debilidad"),
    "template.no_impact": ("no specific impact", "sin impacto concreto"),
    "template.no_mitigation": ("no mitigations", "sin mitigaciones"),
    "template.no_detection": ("no detection advice", "sin recomendaciones de detección"),
    "template.no_alternative": (
        "no safe alternative in the document",
        "sin alternativa segura en el documento",
    ),
    "template.no_false_positives": ("no false positives named", "no se nombran falsos positivos"),
    "template.no_log_source": ("no log source named", "no se nombra la fuente de registros"),
    "template.long_detection": ("detection longer than an answer", "detección más larga que una respuesta"),
    "template.indicators": (
        "a list of indicators that nobody can tell from a description",
        "una lista de indicadores que nadie puede deducir de una descripción",
    ),
    "template.no_rationale": ("no rationale that fits", "ninguna justificación que quepa"),
    "template.no_statement": ("no statement that fits", "ningún enunciado que quepa"),
    "template.no_description": ("no description that fits", "ninguna descripción que quepa"),
    "template.no_guidance": ("no guidance that fits", "ninguna orientación que quepa"),
    "template.long_steps": ("steps longer than an answer", "pasos más largos que una respuesta"),
    "template.no_check": ("no check that fits", "ninguna comprobación que quepa"),
    "template.failed_run": ("the run failed", "la ejecución falló"),
    "template.unknown_outcome": (
        "the outcome of the run is unknown",
        "se desconoce el resultado de la ejecución",
    ),
    "template.unfinished_run": (
        "the run ends with a call or a result",
        "la ejecución termina con una llamada o un resultado",
    ),
    "template.no_answer": ("the run has no final answer", "la ejecución no tiene respuesta final"),
    "template.later_part": ("a later part of a section", "una parte posterior de una sección"),
    "template.no_heading": ("no heading of its own", "sin título propio"),
    "template.sentence_heading": ("a heading of a whole sentence", "un título que es una frase entera"),
    "template.code_heading": ("a heading that is code", "un título que es código"),
    "template.asks_nothing": ("a heading that asks nothing", "un título que no pregunta nada"),
    "template.about_attacks": ("about attacks themselves", "sobre los propios ataques"),
    "template.not_to_do": ("a list of what not to do", "una lista de lo que no hay que hacer"),
    "template.table": ("a table", "una tabla"),
    "template.little_prose": ("too little prose", "demasiado poca prosa"),
    "template.points_back": (
        "begins with a reference to what stands before it",
        "empieza con una referencia a lo que está antes",
    ),
    "template.mid_sentence": ("begins in the middle of a sentence", "empieza a mitad de una frase"),
    "template.points_elsewhere": ("refers to another place", "remite a otro lugar"),
    "template.unfinished": ("unfinished", "inacabado"),
    "template.attack_code": (
        "code where the text is about attacks",
        "código donde el texto trata de ataques",
    ),
}
