"""Payment cards and bank accounts.

Sources: ISO/IEC 7812 with the issuer ranges that the networks publish, ISO 13616 (IBAN), Banxico (CLABE), BCRA (CBU).
"""

from __future__ import annotations

import re
from collections import defaultdict

from secft.security.protection.check_digits import IBAN_LENGTHS, digits_of, iban, luhn
from secft.security.protection.documented import documented_card
from secft.security.protection.rule import CLOSE, Rule, words

# Network: first digits, lengths.
_NETWORKS = (
    (r"4", (13, 16, 19)),  # Visa
    (r"5[1-5]|222[1-9]|22[3-9]|2[3-6]|27[01]|2720", (16,)),  # Mastercard
    (r"3[47]", (15,)),  # American Express
    (r"30[0-5]|3095|3[689]", (14, 16, 17, 18, 19)),  # Diners Club
    (r"6011|64[4-9]|65|622", (16, 17, 18, 19)),  # Discover
    (r"35(?:2[89]|[3-8])", (16, 17, 18, 19)),  # JCB
    (r"62|81", (16, 17, 18, 19)),  # UnionPay
    (
        r"50|5[6-8]|6(?:304|390|759|76|799)",
        (12, 13, 14, 15, 16, 17, 18, 19),
    ),  # Maestro, with Elo, Verve, Carnet, Naranja
    (r"60|65|8[12]|508|353|356", (16,)),  # RuPay
    (r"220[0-4]", (16, 17, 18, 19)),  # Mir
    (r"9792|8600|9860", (16,)),  # Troy, Uzcard, Humo
    (r"50[0469]|627780|63(?:6297|636[89])|65(?:0|1652|50)", (16,)),  # Elo
    (r"606282|3841|637(?:095|568|599|609|612)", (13, 16, 19)),  # Hipercard
    (r"6042|6043|5896|2869", (16,)),  # Cabal, Naranja, Carnet
)
_ISSUERS = tuple((re.compile(prefix), lengths) for prefix, lengths in _NETWORKS)
_CARD_WORDS = words(
    "cards?",
    "tarjetas?",
    "cart(?:ão|ao|ões|oes)",
    "pan",
    "visa",
    "master ?card",
    "amex",
    "american express",
    "maestro",
    "diners(?: club)?",
    "discover",
    "jcb",
    "union ?pay",
    "rupay",
    "mir",
    "troy",
    "elo",
    "hipercard",
    r"card[_-]?(?:number|no)",
    "pago",
    "pagamento",
    "payment",
    "ccn",
    "ccnum",
    r"cc[_-]?(?:number|no)",
    "cardnumber",
)
_OPEN, _CLOSE = r"(?<![\w.+-])(?<!\d{4} )", r"(?![\w+-]|[ ]\d{4}(?!\d)|\.\d)"
_GROUPED = r"\d{4}([ -])\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{4}([ -])\d{6}\2\d{4,5}"


def issued(digits: str) -> bool:
    """Return whether a network issues cards with these first digits and this length."""
    return any(len(digits) in lengths and prefix.match(digits) for prefix, lengths in _ISSUERS)


def card(value: str) -> bool:
    """Return whether a value is a card number: issuer, length, Luhn, and no published test number."""
    digits = digits_of(value)
    return issued(digits) and luhn(digits) and len(set(digits)) > 2 and not documented_card(digits)


def _looks_issued(value: str) -> bool:
    digits = digits_of(value)
    return issued(digits) and len(set(digits)) > 2 and not documented_card(digits)


def _ibans() -> str:
    of_length = defaultdict(list)
    for country, length in IBAN_LENGTHS.items():
        of_length[length].append(country)
    forms = (rf"(?:{'|'.join(names)})\d\d(?:[ -]?[A-Z0-9]){{{length - 4}}}" for length, names in of_length.items())
    return rf"(?<![\w-])(?=[A-Z]{{2}}\d\d)(?:{'|'.join(forms)})(?![\w-])"


CODE = Rule(
    "CARD_CODE",
    re.compile(
        r"(?i)(?<![a-z])(?:cvv2?|cvc2?|cv2|cvn|card verification (?:code|value)|card security code"
        r"|c[óo]digo de (?:seguridad|segurança|seguranca) (?:de la tarjeta|da? cart[ãa]o|do cart[ãa]o))"
        r"\\?[\"']?(?: ?(?:code|number|is|es|é|n[úu]mero))?[ \t:=#\"'\\(]{1,6}"
        r"(?P<value>\d{3,4})(?![\w-]|[.,]\d| ?(?:dig|d[íi]g))"
    ),
    ("cvv", "cvc", "cv2", "cvn", "card verification", "card security", "digo de segur"),
)
"""The three or four digits on a card, beside their word."""

RULES: tuple[Rule, ...] = (
    Rule("CREDIT_CARD", re.compile(f"{_OPEN}(?:{_GROUPED}){_CLOSE}"), (), card),
    Rule("CREDIT_CARD", re.compile(rf"{_OPEN}\d{{15,16}}{_CLOSE}"), (), card),
    Rule("CREDIT_CARD", re.compile(rf"(?<![\w.+-])\d(?:[ -]?\d){{11,18}}{_CLOSE}"), (), card, _CARD_WORDS),
    # A slip in one digit is still somebody's number, where the word stands right beside it.
    Rule(
        "CREDIT_CARD",
        re.compile(
            r"(?i)(?<![a-z])(?:cards?|tarjetas?|cart[ãa]o|pan)(?:[ _-]?(?:numbers?|no|n[uú]mero))?(?:(?! (?:fail|inv"
            r"|wrong))[ \w.:=\"'#º]){1,20}?"
            rf"(?P<value>\b(?:\d{{4}}([ -]?)\d{{4}}\2\d{{4}}\2\d{{4}}|\d{{4}}([ -]?)\d{{6}}\3\d{{5}})){_CLOSE}(?!"
            rf" (?:fail|is (?:not|in)|no es|has a wrong|não))"
        ),
        ("card", "tarjeta", "cart", "pan"),
        _looks_issued,
    ),
    Rule("IBAN", re.compile(_ibans()), (), iban),
    Rule("IBAN", re.compile(_ibans(), re.IGNORECASE), ("iban",), iban),
    Rule(
        "BANK_ACCOUNT",
        re.compile(r"(?<![\w-])(?:\d{18}|\d{22}|\d{4}[ -]\d{4}[ -]\d{2}[ -]\d{10}|\d{20})(?![\w-])"),
        ("clabe", "cbu", "cvu", "ccc", "cuenta", "bank account"),
        near=words("clabe", "cbu", "cvu", "ccc", "cuenta", "bank account"),
        reach=CLOSE,
    ),
)
