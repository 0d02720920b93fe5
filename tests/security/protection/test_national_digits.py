"""Published examples of identifiers, and their neighbours with another check digit."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from secft.security.protection import national_digits as digits
from secft.security.protection.check_digits import iban, luhn
from secft.security.protection.payment import card, issued


@pytest.mark.parametrize(
    ("valid", "wrong", "rule"),
    [
        ("54362315K", "54362315Z", digits.es_dni),
        ("X-5253868-R", "X-5253868-S", digits.es_dni),
        ("J99216582", "J99216583", digits.es_cif),
        ("501964843", "501964842", digits.pt_nif),
        ("13579135 7 ZZ5", "13579135 7 ZZ6", digits.pt_cc),
        ("390.533.447-05", "390.533.447-06", digits.br_cpf),
        ("16.727.230/0001-97", "16.727.230/0001-98", digits.br_cnpj),
        ("12.ABC.345/01DE-35", "12.ABC.345/01DE-36", digits.br_cnpj),
        ("BOXW310820HNERXN09", "BOXW310820HNERXN08", digits.mx_curp),
        ("GODE561231GR8", "GODE561231GR9", digits.mx_rfc),
        ("20-05536168-2", "20-05536168-3", digits.ar_cuit),
        ("76.086.428-5", "76.086.428-4", digits.cl_rut),
        ("213.123.432-1", "213.123.432-5", digits.co_nit),
        ("20512333797", "20512333798", digits.pe_ruc),
        ("171430710-3", "171430710-4", digits.ec_cedula),
        ("1792060346001", "1792060347001", digits.ec_ruc),
        ("211003420017", "211003420018", digits.uy_rut),
        ("80028061-0", "80028061-1", digits.py_ruc),
        ("V-11470283-4", "V-11470283-3", digits.ve_rif),
        ("00113918205", "00113918204", digits.do_cedula),
        ("1-01-85004-3", "1-01-85004-2", digits.do_rnc),
        ("576937-K", "576937-1", digits.gt_nit),
    ],
)
def test_check_digits(valid: str, wrong: str, rule: Callable[[str], bool]) -> None:
    assert rule(valid)
    assert not rule(wrong)


def test_cards_need_an_issuer_a_length_and_luhn() -> None:
    assert luhn("79927398713")
    assert issued("2720990000000000")
    assert not issued("2721000000000000")
    assert not issued("400000000000000")
    assert not card("4111 1111 1111 1111"), "a published test number"


def test_an_iban_has_the_length_of_its_country() -> None:
    assert iban("ES91 2100 0418 4502 0005 1332")
    assert not iban("ES91 2100 0418 4502 0005 13")
    assert not iban("XX91 2100 0418 4502 0005 1332")
