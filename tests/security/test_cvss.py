from __future__ import annotations

import pytest

from secft.security.cvss import base_score, severity, version_of

V4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"
V2 = "AV:N/AC:L/Au:N/C:P/I:P/A:P"


@pytest.mark.parametrize(
    ("vector", "score"),
    [
        # FIRST, CVSS v3.1 examples.
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:R/S:C/C:L/I:L/A:N", 6.1),
        ("CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:C/C:L/I:L/A:N", 6.4),
        ("CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N", 3.1),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:P", 10.0),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", 9.8),
        ("CVSS:3.1/AV:L/AC:L/PR:N/UI:R/S:U/C:H/I:H/A:H", 7.8),
        ("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N", 0.0),
        ("CVSS:3.1/AV:P/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", 4.6),
        (V4, 9.3),
        (V2, 7.5),
    ],
)
def test_base_scores(vector: str, score: float) -> None:
    assert base_score(vector) == score


def test_severity_classes() -> None:
    assert severity("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H") == "Critical"
    assert severity("CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:N") == "None"
    assert severity("CVSS:3.0/AV:N/AC:H/PR:N/UI:R/S:U/C:L/I:N/A:N") == "Low"
    assert severity(V4) == "Critical"
    assert severity(V2) == "High"


@pytest.mark.parametrize("text", ["", "none", "CVSS:5.0/AV:N", "CVSS:3.1/AV:N", "CVSS:3.1/AV:X/AC:L", V4 + "/E:A" * 90])
def test_what_is_no_vector_has_no_score(text: str) -> None:
    assert base_score(text) is None
    assert severity(text) == ""


def test_versions() -> None:
    assert [version_of(vector) for vector in (V2, "CVSS:3.0/AV:N", V4)] == ["2.0", "3.0", "4.0"]
