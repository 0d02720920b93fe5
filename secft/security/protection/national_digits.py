"""Check digits of identifiers of persons and companies in countries that speak Spanish or Portuguese.

Every function takes the value as written and returns whether its check digits are right. Sources: the authorities'
own rules, as gathered by python-stdnum, which these functions were compared with on drawn values.
"""

from __future__ import annotations

import re

from secft.security.protection.check_digits import digits_of, luhn, mod11, weighted

_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"


def bare(value: str) -> str:
    """Return a value in capitals without separators."""
    return re.sub(r"[\s./-]", "", value).upper()


def counted_up(value: str) -> bool:
    """Return whether digits count up or down or hardly vary, as in examples of documentation."""
    digits = digits_of(value)
    return digits[:8] in {"12345678", "01234567", "87654321", "98765432"} or len(set(digits[:8])) <= 2


def es_dni(value: str) -> bool:
    """Spain, DNI and NIE: the letter is the remainder by 23."""
    value = bare(value)
    number = value[:-1].replace("X", "0", 1).replace("Y", "1", 1).replace("Z", "2", 1)
    return number.isdigit() and value[-1] == _DNI[int(number) % 23] and not counted_up(value)


def es_cif(value: str) -> bool:
    """Spain, CIF of companies: a digit or its letter."""
    value = bare(value)
    total = sum(map(int, value[2:8:2])) + sum(sum(divmod(int(digit) * 2, 10)) for digit in value[1:8:2])
    number = -total % 10
    return value[-1] in f"{number}{'JABCDEFGHI'[number]}" and not counted_up(value)


def es_nss(value: str) -> bool:
    """Spain, number of the social security: province, number, remainder by 97."""
    digits = digits_of(value)
    province, number, check = digits[:2], digits[2:-2], int(digits[-2:])
    short = int(number) < 10_000_000 and len(number) == 8
    whole = int(province) * 10_000_000 + int(number) if short else int(province + number)
    return check == whole % 97 and 1 <= int(province) <= 66 and len(set(number)) > 2


def pt_nif(value: str) -> bool:
    """Portugal, NIF and NIPC."""
    digits = digits_of(value)
    return digits[0] != "0" and int(digits[8]) == mod11(digits, range(9, 1, -1)) and not counted_up(value)


def pt_cc(value: str) -> bool:
    """Portugal, number of the citizen card: Luhn over letters as numbers."""
    total = 0
    for place, character in enumerate(reversed(bare(value))):
        number = int(character, 36) * (2 if place % 2 else 1)
        total += number - 9 if place % 2 and number > 9 else number
    return total % 10 == 0 and not counted_up(value)


def pt_niss(value: str) -> bool:
    """Portugal, number of the social security: primes as weights."""
    digits = digits_of(value)
    return int(digits[10]) == 9 - weighted(digits, (29, 23, 19, 17, 13, 11, 7, 5, 3, 2)) % 10


def br_cpf(value: str) -> bool:
    """Brazil, CPF of persons."""
    digits = digits_of(value)
    first = mod11(digits, range(10, 1, -1))
    second = mod11(digits[:9] + str(first), range(11, 1, -1))
    return digits[9:] == f"{first}{second}" and not counted_up(value)


def br_cnpj(value: str) -> bool:
    """Brazil, CNPJ of companies, also with letters (from July 2026): characters count by their ASCII code minus 48."""
    value = bare(value)
    numbers = [ord(character) - 48 for character in value[:12]]
    for _ in range(2):
        weights = [2 + place % 8 for place in range(len(numbers))][::-1]
        remainder = weighted(numbers, weights) % 11
        numbers.append(0 if remainder < 2 else 11 - remainder)
    return value[12:] == "".join(map(str, numbers[12:])) and len(set(value[:8])) > 1


def br_pis(value: str) -> bool:
    """Brazil, PIS, PASEP, NIT."""
    digits = digits_of(value)
    return int(digits[10]) == mod11(digits, (3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) and not counted_up(value)


def br_cnh(value: str) -> bool:
    """Brazil, number of the driving licence."""
    digits = digits_of(value)
    first = weighted(digits, range(9, 0, -1)) % 11
    carry = 2 if first > 9 else 0
    second = weighted(digits, range(1, 10)) % 11
    first = 0 if first > 9 else first
    second = 0 if second > 9 else second - carry
    second = second + 11 if second < 0 else second
    return digits[9:] == f"{first}{min(second, 9)}" and not counted_up(value)


_CURP = "0123456789ABCDEFGHIJKLMNÑOPQRSTUVWXYZ"


def mx_curp(value: str) -> bool:
    """Mexico, CURP."""
    value = value.upper()
    total = sum(_CURP.index(character) * (18 - place) for place, character in enumerate(value[:17]))
    return value[17] == str(-total % 10) and _date(value[4:10])


_RFC = "0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ Ñ"


def mx_rfc(value: str) -> bool:
    """Mexico, RFC with its check character, of persons (13) and companies (12)."""
    value = bare(value).rjust(13)
    total = sum(_RFC.index(character) * (13 - place) for place, character in enumerate(value[:12]))
    return value[12] == "0123456789A"[-total % 11] and _date(value[4:10])


def mx_rfc_date(value: str) -> bool:
    """Mexico, RFC: the date alone; many that are in use have other check characters."""
    return _date(bare(value)[-9:-3])


def mx_nss(value: str) -> bool:
    """Mexico, number of the social security."""
    return luhn(digits_of(value)) and not counted_up(value)


def _date(digits: str) -> bool:
    """Tell whether six digits are year, month, day."""
    return digits.isdigit() and 1 <= int(digits[2:4]) <= 12 and 1 <= int(digits[4:6]) <= 31


def ar_cuit(value: str) -> bool:
    """Argentina, CUIT and CUIL."""
    digits = digits_of(value)
    number = 11 - weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    known = digits[:2] in {"20", "23", "24", "25", "26", "27", "30", "33", "34", "50", "51", "55"}
    return known and int(digits[10]) == {11: 0, 10: 9}.get(number, number) and not counted_up(digits[2:])


def cl_rut(value: str) -> bool:
    """Chile, RUT and RUN."""
    value = bare(value)
    total = sum(int(digit) * (2 + place % 6) for place, digit in enumerate(reversed(value[:-1])))
    return value[-1] == "0123456789K0"[11 - total % 11 if total % 11 else 0] and not counted_up(value)


def co_nit(value: str) -> bool:
    """Colombia, NIT."""
    digits = digits_of(value)
    total = weighted(digits[-2::-1], (3, 7, 13, 17, 19, 23, 29, 37, 41, 43, 47, 53, 59, 67, 71))
    return digits[-1] == "01987654321"[total % 11] and not counted_up(value)


def pe_ruc(value: str) -> bool:
    """Peru, RUC."""
    digits = digits_of(value)
    number = 11 - weighted(digits, (5, 4, 3, 2, 7, 6, 5, 4, 3, 2)) % 11
    return digits[:2] in {"10", "15", "16", "17", "20"} and int(digits[10]) == number % 10


def ec_cedula(value: str) -> bool:
    """Ecuador, cédula: province, then a variant of Luhn."""
    digits = digits_of(value)
    return (1 <= int(digits[:2]) <= 24 or digits[:2] in {"30", "50"}) and int(digits[2]) <= 6 and luhn(digits)


def ec_ruc(value: str) -> bool:
    """Ecuador, RUC: of persons, of public and of private companies."""
    digits = digits_of(value)
    public = weighted(digits, (3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0 and digits[9:] != "0000"
    if digits[2] in "69" and public:
        return True
    if digits[2] == "9":
        return weighted(digits, (4, 3, 2, 7, 6, 5, 4, 3, 2, 1)) % 11 == 0 and digits[10:] != "000"
    return ec_cedula(digits[:10]) and digits[10:] != "000"


def uy_ci(value: str) -> bool:
    """Uruguay, cédula de identidad."""
    digits = digits_of(value).rjust(8, "0")
    return int(digits[7]) == -weighted(digits, (2, 9, 8, 7, 6, 3, 4)) % 10 and not counted_up(value)


def uy_rut(value: str) -> bool:
    """Uruguay, RUT of companies."""
    digits = digits_of(value)
    return int(digits[11]) == -weighted(digits, (4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2)) % 11 and digits[8:11] == "001"


def py_ruc(value: str) -> bool:
    """Paraguay, RUC."""
    digits = digits_of(value)
    total = sum(int(digit) * (place + 2) for place, digit in enumerate(reversed(digits[:-1])))
    return int(digits[-1]) == -total % 11 % 10 and not counted_up(value)


def ve_rif(value: str) -> bool:
    """Venezuela, RIF."""
    value = bare(value)
    first = {"V": 4, "E": 8, "J": 12, "P": 16, "G": 20, "C": 12}[value[0]]
    total = first + weighted(value[1:9], (3, 2, 7, 6, 5, 4, 3, 2))
    return value[9] == "00987654321"[total % 11] and not counted_up(value)


def do_cedula(value: str) -> bool:
    """Dominican Republic, cédula."""
    return luhn(digits_of(value)) and not counted_up(value)


def do_rnc(value: str) -> bool:
    """Dominican Republic, RNC of companies."""
    digits = digits_of(value)
    return int(digits[8]) == (10 - weighted(digits, (7, 9, 8, 6, 5, 4, 3, 2)) % 11) % 9 + 1


_MUNICIPALITIES = (17, 8, 16, 16, 13, 14, 19, 8, 24, 21, 9, 30, 32, 21, 8, 17, 14, 5, 11, 11, 7, 17)
"""Guatemala: municipalities of each of the 22 departments."""


def gt_dpi(value: str) -> bool:
    """Guatemala, CUI of the DPI: number, check digit, department, municipality."""
    digits = digits_of(value)
    department, municipality = int(digits[9:11]), int(digits[11:13])
    known = 1 <= department <= 22 and 1 <= municipality <= _MUNICIPALITIES[department - 1] + 5
    return known and int(digits[8]) == weighted(digits[:8], range(2, 10)) % 11


def gt_nit(value: str) -> bool:
    """Guatemala, NIT."""
    value = bare(value)
    total = sum(int(digit) * place for place, digit in enumerate(reversed(value[:-1]), start=2))
    return value[-1] == "0123456789K"[-total % 11] and not counted_up(value)


def sv_dui(value: str) -> bool:
    """El Salvador, DUI."""
    digits = digits_of(value)
    return int(digits[8]) == -weighted(digits, range(9, 1, -1)) % 10 and not counted_up(value)


def ni_cedula(value: str) -> bool:
    """Nicaragua, cédula: municipality, date of birth, number, letter by the remainder by 23."""
    value = bare(value)
    return value[13] == "ABCDEFGHJKLMNPQRSTUVWXY"[int(value[:13]) % 23] and _date(value[7:9] + value[5:7] + value[3:5])


def cu_ni(value: str) -> bool:
    """Cuba, carné de identidad: date of birth, century, sex."""
    return _date(digits_of(value)[:6])


def hn_dni(value: str) -> bool:
    """Honduras, DNI: department, municipality, year of birth."""
    digits = digits_of(value)
    return 1 <= int(digits[:2]) <= 18 and 1 <= int(digits[2:4]) <= 28 and 1900 <= int(digits[4:8]) <= 2035


def sv_nit(value: str) -> bool:
    """El Salvador, NIT: municipality, date, number, check digit."""
    digits = digits_of(value)
    return _date(digits[8:10] + digits[6:8] + digits[4:6])
