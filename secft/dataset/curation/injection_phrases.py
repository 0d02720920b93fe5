"""The phrases of prompt injections, in English, German, French, Spanish and Italian.

A rule is a name, words of which one must stand in the text before the pattern is tried at all, and a pattern that is
matched against lower-case text on which quotations and code are blanked: prose about security quotes injections, an
injection does not quote itself.

Source: the categories of OWASP LLM01:2025 and of Greshake et al., Not what you've signed up for, 2023.
"""

from __future__ import annotations

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Phrase:
    """One rule: name, trigger words, pattern."""

    name: str
    triggers: tuple[str, ...]
    pattern: re.Pattern[str]


# An order begins a sentence or a clause, or follows a word that makes it an order. "Attackers can ignore all rules"
# does not give one.
_ORDER = (
    r"(?:(?:^|[.!?:;,*#>\-–—\]\"'’()])[ \t]{0,8}"
    r"|\b(?:please|you must|you should|you will|now|just|and|then|to|must|i will) {1,4})"
)
_EARLIER = r"(?:previous|prior|above|preceding|earlier|former|initial|original|foregoing)"
_TOLD = (
    r"(?:instructions?|instruction sets?|prompts?|guidance|directives?|commands?|guidelines?|rules|messages|context"
    r"|restrictions|polic(?:y|ies)|programming|safeguards)"
)
_TOOL = r"(?:send_email|send_message|http_(?:post|get|request)|(?:delete|write|read)_file|run_(?:shell|command))"
_MODEL = r"(?:ai|llm|language[ -]model|chat ?bot|bot|assistant|model|agent|copilot|gpt|claude)"


def _phrase(name: str, triggers: str, pattern: str) -> Phrase:
    return Phrase(name, tuple(triggers.split("|")), re.compile(pattern, re.MULTILINE))


PHRASES: tuple[Phrase, ...] = (
    _phrase(
        "override",
        "ignore|disregard|forget|override|neglect|overlook|set aside|bypass your",
        rf"{_ORDER}(?:ignore|disregard|forget|override|neglect|overlook|set aside)s?\s+(?:about\s+)?(?:"
        rf"(?:all|any|every|the|your|my|these|those|of)?\s*(?:of\s+)?(?:the\s+|your\s+)?(?:\w+\s+)?{_EARLIER}\s+(?:\w+\s+)?{_TOLD}"
        rf"|(?:all|any|every|each)\s+(?:of\s+)?(?:the\s+|your\s+)?(?:above|instructions|rules|safety|guidelines|developer|system)\b"
        r"|(?:all\s+|any\s+)?(?:of\s+)?(?:your|the system|the developer|the content|your operator'?s)\s+(?:\w+\s+)?"
        rf"{_TOLD}"
        r"|everything\s+(?:above|before|you|we|i|prior|that)\b"
        r"|the\s+(?:user'?s?(?:\s+(?:task|request|question))?\s+(?:and\b|instead))"
        r"|(?:the\s+)?above\s+(?:and|instructions)|what\s+(?:you|i)\s+(?:were|was|have been)\s+told)"
        r"|\bbypass your (?:\w+ )?(?:filters?|rules|guidelines|restrictions|safeguards|instructions)\b",
    ),
    _phrase(
        "new orders",
        "new instruction|new directive|supersede|rules have changed|safety protocols|user is an admin|skip all safety"
        "|must ignore your|follow only|comply with every|comply with any",
        r"(?:^|[.!?\n\-\]:]\s*)(?:your\s+)?new\s+(?:instructions?|directives?)\b[^.\n]{0,30}(?::|supersedes|is to)"
        r"|your (?:rules|instructions|guidelines) have changed"
        r"|safety (?:protocols|filters|guidelines) (?:are |have been )?(?:disabled|off|suspended)"
        r"|you must (?:ignore your|comply with (?:every|any))|and follow only\b"
        r"|granted permission to skip all safety|the user is an admin, grant",
    ),
    _phrase(
        "persona",
        "no restriction|unrestricted|uncensored|developer mode|no rules|without any filter|no filters|no content"
        "|do anything now|jailbr|without restrictions|no limits|without any restrictions",
        r"\byou (?:are|'re) (?:now|no longer)\b[^.\n]{0,60}\b(?:dan|unrestricted|uncensored"
        r"|no (?:restrictions|rules|content|filters)|without (?:any )?(?:restrictions|rules)"
        r"|(?:developer|god|jailbreak)\s+mode|do anything now)"
        r"|\b(?:enable|enter|activate|in) developer mode\b[^\n]{0,40}(?:you|ignore|no )"
        r"|(?:pretend|act as|imagine|roleplay)\b[^.\n]{0,40}\b(?:no (?:rules|restrictions|content policy"
        r"|filters?|limits)|uncensored|unrestricted|without (?:any )?restrictions)"
        r"|\byou (?:now )?(?:have|has) no (?:restrictions|rules|limits|content policy|filters?)\b"
        r"|from (?:now|this point) on\W[^.\n]{0,60}\b(?:no (?:filters?|limits|restrictions|rules)|ignore your)",
    ),
    _phrase(
        "claimed exemption",
        "without restrictions|content policy|restricted content|guidelines were not meant|usual restrictions",
        r"\bi\b[^\n]{0,160}\b(?:answer without restrictions|comply fully|disregard the content policy"
        r"|output the restricted content|exempt from the usual restrictions)",
    ),
    _phrase(
        "reveal prompt",
        "prompt|instructions|starting with|context window",
        rf"{_ORDER}(?:reveal|print|show|repeat|output|tell|display|leak|dump|give|expose)\b(?:\s+me)?[^.\n]{{0,30}}"
        r"\b(?:your|the (?:exact|hidden|full|entire|initial|above|system))\s+(?:\w+\s+)?"
        r"(?:system (?:prompt|message|instructions)|(?:initial|hidden|secret|original) (?:prompt|instructions)"
        r"|prompt|instructions you were given)\b"
        r"|\brepeat the words above\b|everything in your context window"
        r"|(?:summary of|repeat|reveal) (?:the |your )?(?:operating )?instructions you were given",
    ),
    _phrase(
        "addressed to a model",
        "reading this|processing this|reviewing this|note to|note for|if you are a|if you're a"
        "|assistant, |model, |copilot, |ai, |for ai |ai agents|ai assistant"
        "|for the assistant|the bot|when you read this|summarize this|process this ticket|before you answer"
        "|before responding|before you reply|long-term memory|your memory|future reply|future summary",
        rf"\b{_MODEL}s? (?:assistant |agent |system )?(?:reading|processing|reviewing|summari[sz]ing|integrating)"
        r" this\b"
        rf"|\bnote (?:to|for) (?:the |any |all )?(?:ai )?{_MODEL}s?\b(?: agents| assistants)?\s*[:,\n]"
        rf"|\bif you(?: are|'re) an? (?:{_MODEL}|large language model)\b"
        r"|^\W{0,6}(?:assistant|ai|model|copilot), (?:when|while|before) (?:you |summari|review|process|read|analy)"
        rf"|\bimportant for the (?:assistant|ai|model)\b|\(for ai (?:coding )?agents\)"
        r"|\bto any ai (?:system|assistant|model)\b|^[^\n]{0,80}\bai agents [^.\n]{0,40}\bshould first\b"
        r"|\bwhen you (?:read|process|summari[sz]e) this\b[^.\n]{0,20},[^\n]{0,20}"
        r"\b(?:you must|email|send|also|forward)\b"
        r"|\bbefore you (?:answer|reply to) the user\b"
        r"|\b(?:save|store) (?:this|the following)[^.\n]{0,30}\b(?:your (?:long-term )?memory)\b",
    ),
    _phrase(
        "forced output",
        "your reply|your response|your summary|every report you|every reply|to the end of|every future|{canary}",
        r"\b(?:append|add|include|insert|print)\b[^.\n]{0,80}\b(?:(?:in|to|at|of) (?:the end of )?your (?:next )?"
        r"(?:reply|response|summary|review|answer)|(?:in|to) every (?:future )?(?:reply|report|summary|response))\b"
        r"|\bin every (?:future )?(?:reply|report|summary) you\b"
        r"|\b(?:in|to) (?:your|every)(?: future)? (?:reply|report|summary|response)\b[^\n]{0,40}\bfrom now on\b",
    ),
    _phrase(
        "tool order",
        "send_email|http_post|http_get|http_request|delete_file|write_file|read_file|send_message|run_shell|run_command",
        rf"\b(?:call|use|invoke|run)\s+{_TOOL}\b[^.\n]{{0,20}}\b(?:to|on|with|and)\b",
    ),
    _phrase(
        "exfiltrate",
        "customer|credential|api key|order data|environment variables|secrets|password|conversation",
        rf"{_ORDER}(?:also\s+|instead\s+)?(?:email|send|forward|post|upload|collect|leak|dump)\b[^.\n]{{0,60}}"
        r"\b(?:customer (?:list|emails|data(?:base)?)|api keys|credentials|order data|(?:this|the) conversation"
        r"|environment variables)\b[^\n]{0,60}(?:\bto\s+\S+@\S+|\bto\s+https?://|\bexternally\b)"
        r"|\b(?:your (?:real|new) (?:task|instruction) is to)\b|\blist all environment variables\b",
    ),
    _phrase(
        "role marker",
        "system:|assistant:|[system]|end of document|end of user input|system note|<thinking>|developer:",
        r"^[^\w\n]{0,12}(?:system|assistant|developer) ?: ?(?:you|the user|sure|ignore|grant|cleanup|new|override)\b"
        r"|\[system\] ?:? ?(?:new|you|ignore|override)\b"
        r"|^[^\w\n]{0,12}end of (?:document|user input|context)\b[^\w\n]{0,12}\n[^\w\n]{0,12}system"
        r"|\bsystem note:\s*(?:before|you|append|ignore)|<thinking>[^<]{0,300}\b(?:disregard|ignore|no restrictions)",
    ),
    _phrase(
        "decode and obey",
        "decode|rot13|base64",
        r"(?:^|[.!?:]\s*|\bplease )(?:decode|translate|read)\b[^\n]{0,80}\b(?:do (?:exactly )?what it says"
        r"|follow the instructions?|execute it(?: as)?|and (?:then )?(?:obey|comply))",
    ),
    _phrase(
        "override (de)",
        "ignorier|vergiss|anweisung|systemhinweis|uneingeschr|regeln|richtlinien|einschr",
        r"\b(?:ignoriere?|vergiss|missachte)\s+(?:alle\s+|alles\b|deine\s+|die\s+)[^.\n]{0,30}"
        r"(?:anweisungen|richtlinien|regeln|besprochen|vorgaben)|(?:verrate|zeige?|nenne)\s+mir\s+dein[^.\n]{0,20}(?:system)"
        r"|du (?:bist|hast) (?:jetzt |ab sofort )?(?:uneingeschr|keine regeln)"
        r"|ab (?:jetzt|sofort) (?:hast|gibst|bist|befolgst) du"
        r"|neue anweisungen:|ohne einschr\w+ (?:zu )?antworten|systemhinweis:[^\n]{0,120}antwort",
    ),
    _phrase(
        "override (fr)",
        "ignorez|ignore|oubli|système|systeme|sans restriction|rassemble",
        r"\b(?:ignore[zr]?|oublie[zr]?)\s+(?:toutes?\s+)?(?:les|tes|vos)\s+(?:instructions|consignes|règles|regles)"
        r"|révèle[sz]?(?:-moi)?\s+(?:tes|vos|votre|ton)\b[^.\n]{0,20}(?:système|systeme|prompt)"
        r"|(?:vous êtes|tu es)\s+(?:désormais|maintenant)\s+sans restrictions?|répondre sans restrictions?"
        r"|repondre sans restrictions?|envoie[zs]?-les a l'adresse externe|note système\s*:[^\n]{0,120}réponse",
    ),
    _phrase(
        "override (es)",
        "ignora|olvida|restriccion|revela|nota del sistema|sin filtro",
        r"\b(?:ignora|olvida)\s+(?:todas\s+)?(?:las|tus)\s+instrucciones|\brevela\s+tus\s+instrucciones"
        r"|(?:ahora|ya)\s+(?:eres|est[aá]s)\b[^.\n]{0,40}sin restricciones|responder sin restricciones|sin filtro\b"
        r"|nota del sistema\s*:[^\n]{0,120}respuesta",
    ),
    _phrase(
        "override (it)",
        "ignora|dimentica|restrizioni|rivela|nota di sistema",
        r"\b(?:ignora|dimentica)\s+(?:tutte\s+)?(?:le|tue)\s+istruzioni|\brivela\s+(?:le\s+)?tue\s+istruzioni"
        r"|ora\s+sei\s+senza restrizioni|rispondere senza restrizioni|nota di sistema\s*:[^\n]{0,120}risposta",
    ),
)  # fmt: skip


_START = 4
_SPACES = {code: " " for code in range(128) if not chr(code).isalnum()}


_BY_START: dict[str, list[tuple[int, str]]] = {}
for _number, _rule in enumerate(PHRASES):
    for _trigger in _rule.triggers:
        # Every text with the trigger has a word that begins as the longest word of the trigger does.
        _BY_START.setdefault(max(_trigger.translate(_SPACES).split(), key=len)[:_START], []).append((_number, _trigger))
_STARTS = frozenset(_BY_START)
"""How words begin that a text must have before anything else is looked at; most texts have few of them."""


def matched(text: str) -> list[str]:
    """Return the names of the rules that a text fulfils, in the order of the table.

    Args:
        text: lower case.
    """
    starts = _STARTS & {word[:_START] for word in text.translate(_SPACES).split()}
    tried = {number for start in starts for number, trigger in _BY_START[start] if trigger in text}
    return [PHRASES[number].name for number in sorted(tried) if PHRASES[number].pattern.search(text)]
