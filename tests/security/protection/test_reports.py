"""Credentials in the report of a tool: cut whatever they look like; personal data is left to curation."""

from __future__ import annotations

import pytest

from secft.security.protection.reports import TRACED, report_findings


def cut(text: str, evidence: bool = False) -> list[str]:
    return [text[start:end] for start, end, _ in report_findings(text, evidence)]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("login with password 'admin' worked", "admin"),
        ("see https://user:pass@a.example/x", "user:pass"),
        ("Authorization: Basic dXNlcjpwYXNz", "Basic dXNlcjpwYXNz"),
        ("key AKIAIOSFODNN7EXAMPLE here", "AKIAIOSFODNN7EXAMPLE"),
        ("La contraseña del router es Sol#Norte7", "Sol#Norte7"),
        ("mysql -u root -pQuito_2020 nomina", "Quito_2020"),
        ("Server=a;Uid=sa;Pwd=Ag0sto!26;", "Ag0sto!26"),
    ],
)
def test_examples_are_credentials_in_a_report(text: str, value: str) -> None:
    assert cut(text) == [value]


def test_evidence_shows_neither_values_of_passwords_nor_drawn_strings() -> None:
    drawn = "8b1a9953c4611296a827abf8c47804d7"
    assert cut(f"db_password = swordfish, id {drawn}") == []
    assert cut(f"db_password = swordfish, id {drawn}", evidence=True) == ["swordfish", drawn]
    assert cut("TLS_ECDH_anon_WITH_AES_128_CBC_SHA", evidence=True) == []


def test_personal_data_is_left_to_curation() -> None:
    assert cut("mail ana.perez@banco.com.mx, CPF 529.982.247-25, tel. 612 482 917") == []


def test_only_what_tells_whose_it_is_shows_its_first_characters() -> None:
    assert "AWS_ACCESS_KEY" in TRACED
    assert not TRACED & {"PASSWORD", "PRIVATE_KEY", "COOKIE", "PASSWORD_HASH"}
