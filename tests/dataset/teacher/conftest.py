"""Documents to ask about, and a teacher that says what a test wants."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from secft.chat.protocol import Failure, Reply, Request
from secft.records import Document


def document(identifier: str, kind: str = "weakness", title: str = "", text: str = "", **fields: Any) -> Document:
    return Document(identifier, kind, title, text, fields, "cwe", "4.20", "terms", "https://example.org")


@pytest.fixture
def documents() -> dict[str, Document]:
    sql = document(
        "CWE-89",
        title="SQL Injection",
        description=(
            "The product builds an SQL command from input of a user. It does not neutralize special elements. "
            "Attackers can read or change rows of the database, and bypass authentication."
        ),
        mitigations=[
            {
                "description": "Use prepared statements, which keep the query apart from the values of a user. "
                "Grant the account of the database only the rights that the application needs."
            },
            {"description": "This technique cannot be easily mitigated with preventive controls of any organization."},
        ],
        detection_methods=[
            {
                "description": "Automated static analysis follows data from the request of a user to the query in "
                "the source code [REF-12]. See [REF-13] for 20 tools that find SQL injection in the code of products."
            }
        ],
        parent="CWE-943",
    )
    path = document(
        "CWE-22",
        title="Path Traversal",
        description=(
            "The product uses external input to construct a pathname below a restricted directory, but special "
            "elements such as dots and slashes are not neutralized, so files outside of it can be reached."
        ),
        mitigations=[],
        detection_methods=[],
        parent="",
    )
    return {one.id: one for one in (sql, path)}


class Teacher:
    """Answers every request by a function; counts what it is asked."""

    def __init__(self, answer: Callable[[Request], Any]) -> None:
        self.answer = answer
        self.asked: list[Request] = []

    def ask_all(self, requests: Iterable[Request], on_progress: Any = None) -> Iterator[Reply | Failure]:
        for request in requests:
            self.asked.append(request)
            said = self.answer(request)
            if isinstance(said, Failure | Reply):
                yield said
            else:
                text = said if isinstance(said, str) else json.dumps(said)
                yield Reply(text, "teacher-1", 10, 5, "stop", "d1", "{}")
