"""Numbers of persons, companies, cards and accounts, built with their check digits from the published rules.

Nothing here is taken from secft: a mistake in its rules must not hide in the set that measures them.
"""

from __future__ import annotations

import random
import string
from collections.abc import Callable

Rng = random.Random


def digits(rng: Rng, count: int) -> str:
    """Return random digits that are not hardly varied."""
    while True:
        drawn = "".join(rng.choice(string.digits) for _ in range(count))
        if len(set(drawn)) > min(3, count - 1):
            return drawn


def date(rng: Rng) -> str:
    """Return a date as YYMMDD."""
    return f"{rng.randrange(55, 99)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"


def _sum(body: str, weights: list[int]) -> int:
    return sum(int(one) * weight for one, weight in zip(body, weights, strict=True))


def luhn_digit(body: str) -> str:
    """Return the digit that makes a number pass Luhn's rule."""
    doubled = [sum(divmod(2 * int(one), 10)) if place % 2 == 0 else int(one) for place, one in enumerate(body[::-1])]
    return str((10 - sum(doubled) % 10) % 10)


CARDS = {
    "visa": ("4", 16),
    "visa 13": ("4", 13),
    "visa 19": ("4", 19),
    "mastercard": ("53", 16),
    "mastercard 2": ("2345", 16),
    "amex": ("37", 15),
    "diners": ("36", 14),
    "discover": ("6011", 16),
    "jcb": ("3540", 16),
    "unionpay": ("6212", 16),
    "maestro": ("6759", 16),
    "maestro 18": ("5018", 18),
    "rupay": ("6071", 16),
    "mir": ("2202", 16),
    "troy": ("9792", 16),
    "elo": ("5067", 16),
    "hipercard": ("606282", 16),
}


def card(rng: Rng, network: str) -> str:
    """Return a number of a network."""
    prefix, length = CARDS[network]
    body = prefix + digits(rng, length - len(prefix) - 1)
    return body + luhn_digit(body)


def grouped(number: str, mark: str) -> str:
    """Return a number of 15 or 16 digits as it is printed on cards."""
    cuts = (4, 10, 15) if len(number) == 15 else (4, 8, 12, 16)
    return mark.join(number[a:b] for a, b in zip((0, *cuts), cuts, strict=False))


def iban(rng: Rng, country: str, length: int) -> str:
    """Return an IBAN of digits."""
    body = digits(rng, length - 4)
    moved = body + "".join(str(int(letter, 36)) for letter in country) + "00"
    return f"{country}{98 - int(moved) % 97:02}{body}"


def _dots(number: str) -> str:
    return f"{int(number):,}".replace(",", ".")


def _brazil(numbers: list[int], weights: list[int]) -> int:
    rest = sum(a * b for a, b in zip(numbers, weights, strict=True)) % 11
    return 0 if rest < 2 else 11 - rest


def _cpf(rng: Rng) -> str:
    body = [int(one) for one in digits(rng, 9)]
    for _ in range(2):
        body.append(_brazil(body, list(range(len(body) + 1, 1, -1))))
    text = "".join(map(str, body))
    return f"{text[:3]}.{text[3:6]}.{text[6:9]}-{text[9:]}"


def _cnpj(rng: Rng, letters: str) -> str:
    body = "".join(rng.choice(letters) for _ in range(8)) + "0001"
    for _ in range(2):
        weights = ([6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2])[-len(body) :]
        body += str(_brazil([ord(one) - ord("0") for one in body], weights))
    return f"{body[:2]}.{body[2:5]}.{body[5:8]}/{body[8:12]}-{body[12:]}"


def _pis(rng: Rng) -> str:
    body = "12" + digits(rng, 8)
    text = body + str(_brazil([int(one) for one in body], [3, 2, 9, 8, 7, 6, 5, 4, 3, 2]))
    return f"{text[:3]}.{text[3:8]}.{text[8:10]}-{text[10]}"


def _letters(rng: Rng, count: int, of: str = "BCDFGHJKLMNPRSTVWZ") -> str:
    return "".join(rng.choice(of) for _ in range(count))


def _curp(rng: Rng) -> str:
    name = rng.choice("BCGLMRST") + rng.choice("AEIOU") + _letters(rng, 2)
    body = (
        name
        + date(rng)
        + rng.choice("HM")
        + rng.choice(["DF", "JC", "NL", "OC"])
        + _letters(rng, 3)
        + rng.choice(string.digits)
    )
    signs = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"
    total = sum(signs.index(one) * (18 - place) for place, one in enumerate(body))
    return body + str((10 - total % 10) % 10)


def _rfc(rng: Rng) -> str:
    body = (
        rng.choice("BCGLMRST")
        + rng.choice("AEIOU")
        + _letters(rng, 2)
        + date(rng)
        + rng.choice("ABH")
        + rng.choice("123K")
    )
    signs = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"
    rest = sum(signs.index(one) * (13 - place) for place, one in enumerate(body)) % 11
    return body + ("0" if rest == 0 else "A" if 11 - rest == 10 else str(11 - rest))


def _eleven(rng: Rng, body: str, weights: list[int], signs: str) -> str:
    return body + signs[_sum(body, weights) % 11]


def _cuit(rng: Rng) -> str:
    while True:
        body = rng.choice(["20", "27", "30"]) + digits(rng, 8)
        number = 11 - _sum(body, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11
        if number != 10:
            return f"{body[:2]}-{body[2:]}-{number % 11}"


def _rut(rng: Rng) -> str:
    body = str(rng.randrange(5_000_000, 25_000_000))
    rest = 11 - sum(int(one) * [2, 3, 4, 5, 6, 7][place % 6] for place, one in enumerate(body[::-1])) % 11
    return f"{_dots(body)}-{'K' if rest == 10 else 0 if rest == 11 else rest}"


def _nit_co(rng: Rng) -> str:
    body = "9" + digits(rng, 8)
    rest = (
        sum(int(one) * weight for one, weight in zip(body[::-1], [3, 7, 13, 17, 19, 23, 29, 37, 41], strict=True)) % 11
    )
    return f"{_dots(body)}-{rest if rest < 2 else 11 - rest}"


def _ruc_pe(rng: Rng) -> str:
    body = rng.choice(["10", "20"]) + digits(rng, 8)
    return body + str((11 - _sum(body, [5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11) % 10)


def _cedula_ec(rng: Rng) -> str:
    body = f"{rng.randrange(1, 25):02}{rng.randrange(6)}{digits(rng, 6)}"
    return body + luhn_digit(body)


def _cedula_do(rng: Rng) -> str:
    body = f"{rng.choice(['001', '402', '223'])}{digits(rng, 7)}"
    return f"{body[:3]}-{body[3:]}-{luhn_digit(body)}"


def _ci_uy(rng: Rng) -> str:
    body = str(rng.randrange(1_000_000, 6_000_000))
    return f"{body[0]}.{body[1:4]}.{body[4:]}-{(10 - _sum(body, [2, 9, 8, 7, 6, 3, 4]) % 10) % 10}"


def _ruc_py(rng: Rng) -> str:
    body = str(rng.randrange(800_000, 89_999_999))
    rest = sum(int(one) * place for place, one in enumerate(body[::-1], start=2)) % 11
    return f"{body}-{0 if rest < 2 else 11 - rest}"


def _rif(rng: Rng) -> str:
    letter, body = rng.choice([("V", 4), ("E", 8), ("J", 12), ("G", 20)]), digits(rng, 8)
    rest = 11 - (letter[1] + _sum(body, [3, 2, 7, 6, 5, 4, 3, 2])) % 11
    return f"{letter[0]}-{body}-{0 if rest > 9 else rest}"


def _dpi(rng: Rng) -> str:
    while True:
        body = digits(rng, 8)
        rest = _sum(body, [2, 3, 4, 5, 6, 7, 8, 9]) % 11
        if rest < 10:
            return f"{body[:4]} {body[4:]}{rest} {rng.choice(['0101', '0501', '1301'])}"


def _nit_gt(rng: Rng) -> str:
    body = digits(rng, 7)
    rest = -sum(int(one) * place for place, one in enumerate(body[::-1], start=2)) % 11
    return f"{body}-{'K' if rest == 10 else rest}"


def _dui(rng: Rng) -> str:
    body = "0" + digits(rng, 7)
    return f"{body}-{(10 - _sum(body, [9, 8, 7, 6, 5, 4, 3, 2]) % 10) % 10}"


def _cedula_ni(rng: Rng) -> str:
    body = f"001{rng.randrange(1, 29):02}{rng.randrange(1, 13):02}{rng.randrange(50, 99)}{rng.randrange(10):04}"
    letter = "ABCDEFGHJKLMNPQRSTUVWXY"[int(body) % 23]
    return f"{body[:3]}-{body[3:9]}-{body[9:]}{letter}"


def _dni(rng: Rng) -> str:
    body = digits(rng, 8)
    return body + "TRWAGMYFPDXBNJZSQVHLCKE"[int(body) % 23]


def _nie(rng: Rng) -> str:
    body = rng.choice("XYZ") + digits(rng, 7)
    return body + "TRWAGMYFPDXBNJZSQVHLCKE"[int(str("XYZ".index(body[0])) + body[1:]) % 23]


def _cif(rng: Rng) -> str:
    body = digits(rng, 7)
    even = sum(int(one) for one in body[1::2])
    odd = sum(sum(divmod(2 * int(one), 10)) for one in body[::2])
    return f"B{body}{(10 - (even + odd) % 10) % 10}"


def _nss(rng: Rng) -> str:
    province, number = rng.choice(["28", "08", "41"]), "1" + digits(rng, 7)
    return f"{province}/{number}/{int(province + number) % 97:02}"


def _nif_pt(rng: Rng) -> str:
    body = rng.choice("1235") + digits(rng, 7)
    rest = 11 - _sum(body, [9, 8, 7, 6, 5, 4, 3, 2]) % 11
    return f"{body}{0 if rest > 9 else rest}"


def _cc_pt(rng: Rng) -> str:
    body = digits(rng, 9) + "ZZ"
    total = 0
    for place, one in enumerate(body):
        number = int(one, 36) * (2 if place % 2 == 0 else 1)
        total += number - 9 if place % 2 == 0 and number > 9 else number
    return f"{body[:8]} {body[8]} ZZ{(10 - total % 10) % 10}"


def _niss(rng: Rng) -> str:
    body = "1" + digits(rng, 9)
    return body + str(9 - _sum(body, [29, 23, 19, 17, 13, 11, 7, 5, 3, 2]) % 10)


def _nss_mx(rng: Rng) -> str:
    body = digits(rng, 10)
    return body + luhn_digit(body)


IDENTIFIERS: dict[str, tuple[Callable[[Rng], str], str]] = {
    "ES_DNI": (_dni, "DNI"),
    "ES_NIE": (_nie, "NIE"),
    "ES_CIF": (_cif, "CIF"),
    "ES_NSS": (_nss, "NSS"),
    "PT_NIF": (_nif_pt, "NIF"),
    "PT_CC": (_cc_pt, "cartão de cidadão"),
    "PT_NISS": (_niss, "NISS"),
    "BR_CPF": (_cpf, "CPF"),
    "BR_CNPJ": (lambda rng: _cnpj(rng, string.digits), "CNPJ"),
    "BR_CNPJ with letters": (lambda rng: _cnpj(rng, string.digits + string.ascii_uppercase), "CNPJ"),
    "BR_PIS": (_pis, "PIS"),
    "MX_CURP": (_curp, "CURP"),
    "MX_RFC": (_rfc, "RFC"),
    "MX_NSS": (_nss_mx, "NSS"),
    "AR_CUIT": (_cuit, "CUIT"),
    "AR_DNI": (lambda rng: _dots(str(rng.randrange(20_000_000, 45_000_000))), "DNI"),
    "CL_RUT": (_rut, "RUT"),
    "CO_CC": (lambda rng: _dots("1" + digits(rng, 9)), "cédula de ciudadanía"),
    "CO_NIT": (_nit_co, "NIT"),
    "PE_DNI": (lambda rng: "4" + digits(rng, 7), "DNI"),
    "PE_RUC": (_ruc_pe, "RUC"),
    "EC_CEDULA": (_cedula_ec, "cédula"),
    "EC_RUC": (lambda rng: _cedula_ec(rng) + "001", "RUC"),
    "UY_CI": (_ci_uy, "cédula"),
    "PY_RUC": (_ruc_py, "RUC"),
    "BO_CI": (lambda rng: digits(rng, 7), "cédula de identidad"),
    "VE_RIF": (_rif, "RIF"),
    "VE_CEDULA": (lambda rng: f"V-{rng.randrange(8, 30)}{digits(rng, 6)}", "cédula"),
    "DO_CEDULA": (_cedula_do, "cédula"),
    "CR_CEDULA": (lambda rng: f"{rng.randrange(1, 8)}-0{digits(rng, 3)}-0{digits(rng, 3)}", "cédula"),
    "PA_CEDULA": (lambda rng: f"8-{rng.randrange(200, 999)}-{rng.randrange(100, 2400)}", "cédula"),
    "GT_DPI": (_dpi, "DPI"),
    "GT_NIT": (_nit_gt, "NIT"),
    "HN_DNI": (lambda rng: f"0801-{rng.randrange(1950, 2004)}-{digits(rng, 5)}", "DNI"),
    "SV_DUI": (_dui, "DUI"),
    "NI_CEDULA": (_cedula_ni, "cédula"),
    "CU_CI": (lambda rng: date(rng) + digits(rng, 5), "carné de identidad"),
}
