"""Addresses of e-mail (RFC 5321) and telephone numbers (E.164 and national forms beside a word)."""

from __future__ import annotations

import re

from secft.security.protection.check_digits import digits_of
from secft.security.protection.documented import documented_mail, documented_phone
from secft.security.protection.rule import CLOSE, Rule, words

_DOMAIN = r"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.)+[A-Za-z]{2,24}"
_MAIL = (
    rf"(?<![\w.@%+/-])(?<!//)[A-Za-z0-9À-ÿ][A-Za-z0-9À-ÿ._%+-]{{0,63}}(?:@|%40|＠){_DOMAIN}"
    r"(?![\w@/-]|:[\w/~.])"
)
_INTERNATIONAL = r"(?<![\w.+/=-])\+[1-9]\d{0,2}[ .-]?(?:\(\d{1,4}\)[ .-]?)?\d{1,5}(?:[ .-]?\d{2,5}){1,4}(?![\w-]|\.\d)"
_WITH_AREA = (
    r"(?<![\w.+/=-])(?:\(\d{2}\) ?9\d{4}-\d{4}|\(\d{3}\) ?\d{3}[-.]\d{4}"
    r"|(?i:(?<=tel: )|(?<=phone: )|(?<=call ))\d{3}[-.]\d{3}[-.]\d{4})(?![\w-])"
)
_NATIONAL = (
    r"(?<![\w./-])(?:00[1-9]\d{0,2}[ .-]?)?(?:\(\d{1,4}\)[ .-]?)?\d{2,5}(?:[ .-]?\d{2,5}){1,4}(?![\w/@-]|[.:]\d)"
)
_WORDS = (
    "tel",
    r"tlfn?o?\.?",
    r"tfno\.?",
    "tel[eé]fonos?",
    "telefones?",
    "telephone",
    r"(?:cell|mobile|home|work)?[ _-]?phone(?: number)?",
    "mobile",
    "m[oó]vil",
    "celular",
    "cel",
    "telem[oó]vel",
    "fax",
    "whatsapp",
    "fone",
    r"call(?: me| us| him| her)? (?:at|on)",
    "sms to",
    r"(?:mi|su|tu|meu|seu|my|his|her) n(?:[uú]mero|umber)(?: es| é| is):? ?$",
    "msisdn",
    "phone_?number",
    r"(?:ligue|liga|ligar|disque)(?: para| ao?)?",
    r"(?:llamar?|marcar?|marque) al",
    "ll[aá]m[ea](?:me|lo|la)? al",
)
_DATE = re.compile(
    r"(?:19|20)\d\d[-./](?:0\d|1[0-2])[-./][0-3]\d|^\d{1,3}(?:\.\d{1,3}){3}$|^[0-3]?\d[-./][01]?\d[-./](?:19|20)\d\d"
)


# Written for people only: ``ana [at] banco.es``, ``ana (arroba) banco punto es``, ``ana at banco dot com``.
_POINT = r"(?:\.| ?[\[({] ?(?:dot|punto|ponto|\.) ?[\])}] ?| (?:dot|punto|ponto) )"
_NAME = r"[A-Za-z0-9][A-Za-z0-9-]{0,62}"
_TOP = (
    r"(?:com|net|org|edu|gov|info|biz|eu|io|dev|ai|es|mx|ar|co|cl|pe|br|pt|uy|ec|ve|bo|py|cr|pa|gt|de|fr|it|uk|us|ca)"
)
_SPELT = (
    rf"(?<![\w.@-])[A-Za-z0-9][A-Za-z0-9._+-]{{1,63}}(?: ?[\[({{] ?(?:at|arroba|@) ?[\])}}]"
    rf" ?{_NAME}(?:{_POINT}{_NAME})*{_POINT}"
    rf"[A-Za-z]{{2,24}}| (?:at|arroba) {_NAME}"
    rf"(?: (?:dot|punto|ponto) {_NAME}){{0,3}} (?:dot|punto|ponto) {_TOP})(?![\w-])"
)


def _spelt(value: str) -> bool:
    """Accept an address that is written in words as it would be with its signs."""
    plain = re.sub(r"\s*[\[({]?\s*\b(?:at|arroba)\b\s*[\])}]?\s*|\s*[\[({] ?@ ?[\])}]\s*", "@", value, count=1)
    return _mail(re.sub(r"\s*[\[({]?\s*\b(?:dot|punto|ponto)\b\s*[\])}]?\s*", ".", plain))


def _mail(value: str) -> bool:
    return ".." not in value and not documented_mail(value.replace("%40", "@").replace("＠", "@"))


def _number(value: str) -> bool:
    count = len(digits_of(value))
    return 9 <= count <= 15 and not _DATE.search(value) and not documented_phone(value)


def _national_number(value: str) -> bool:
    count = len(digits_of(value))
    return 7 <= count <= 14 and not _DATE.search(value) and not documented_phone(value)


MAILS: tuple[Rule, ...] = (
    Rule("EMAIL", re.compile(_MAIL), (), _mail),
    Rule("EMAIL", re.compile(_SPELT, re.IGNORECASE), ("at", "arroba", "[@", "(@"), _spelt),
)
PHONES: tuple[Rule, ...] = (
    Rule("PHONE", re.compile(_INTERNATIONAL), ("+",), _number),
    Rule("PHONE", re.compile(_WITH_AREA), (), _number),
    Rule(
        "PHONE",
        re.compile(_NATIONAL),
        (
            "tel",
            "tlf",
            "tfno",
            "phone",
            "mobile",
            "móvil",
            "movil",
            "cel",
            "fax",
            "whatsapp",
            "sms",
            "msisdn",
            "llam",
            "lig",
            "disque",
            "marc",
            "llám",
            "fone",
            "número",
            "numero",
            "number",
            "call",
        ),
        _national_number,
        words(*_WORDS),
        CLOSE,
    ),
)
