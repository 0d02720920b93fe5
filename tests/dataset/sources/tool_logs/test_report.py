"""Reports that are broken, cut off, enormous or meant to do harm."""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import pytest

from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.tool_logs import ToolLogsSource
from secft.dataset.sources.tool_logs.finding import MAX_EVIDENCE, MAX_TEXT, plain
from secft.dataset.sources.tool_logs.reader import read_part
from secft.dataset.sources.tool_logs.redaction import (
    clean,
    clean_evidence,
    parameter_names,
    place,
    secret,
    without_payloads,
)
from secft.errors import InputError
from secft.files import canonical_json
from secft.records import Document

from ..conftest import read, write
from .shapes import MORE

ISSUE = "<issue><type>1</type><name>Issue {}</name><host>http://a.example</host><path>/{}</path></issue>"
BURP = '<?xml version="1.0"?>\n<issues burpVersion="2">' + ISSUE.format(1, 1) + ISSUE.format(2, 2) + "</issues>"
LINE = {"template-id": "t", "info": {"name": "Name", "severity": "low"}, "matched-at": "http://a.example/"}


def lines(*records: Any) -> str:
    return "".join(f"{record if isinstance(record, str) else json.dumps(record)}\n" for record in records)


def collect(tmp_path: Path, content: str | bytes, **config: Any) -> tuple[list[Document], ReadLog]:
    path = write(tmp_path / "report", content)
    log = ReadLog()
    documents = list(read_part(ToolLogsSource(paths=[path], **config), path, log))
    for document in documents:
        canonical_json(document).encode()  # Everything can be written.
    canonical_json(log.refused).encode()
    return documents, log


BOMB = '<?xml version="1.0"?><!DOCTYPE issues [<!ENTITY a "aaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
OUTSIDE = '<?xml version="1.0"?><!DOCTYPE issues [<!ENTITY a SYSTEM "file:///etc/passwd">]>'
PARAMETER = '<?xml version="1.0"?><!DOCTYPE issues [<!ENTITY % a SYSTEM "http://127.0.0.1:9/x"> %a;]>'
DEEP = {"results": [{"check_id": "x"}], "errors": []}


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "tool_log.no_findings"),
        (b" \n\t ", "tool_log.no_findings"),
        (b"null", "tool_log.no_findings"),
        (b"[]\n", "tool_log.no_findings"),
        (b"\xef\xbb\xbf", "tool_log.no_findings"),
        (b'{"results": [], "errors": []}', "tool_log.no_findings"),
        (b"hello, world\n", "tool_log.unknown_format"),
        (b"a,b,c\n1,2,3\n", "tool_log.unknown_format"),
        (b"{}", "tool_log.unknown_format"),
        (b'{"a": 1}', "tool_log.unknown_format"),
        (b"<html><body>report</body></html>", "tool_log.unknown_format"),
        (b"<a/>", "tool_log.unknown_format"),
        (b"\x89PNG\r\n\x1a\n\x00\x00", "tool_log.unknown_format"),
        (b"<!-- only a comment -->", "tool_log.truncated"),
        (b"<issues burpVer", "tool_log.truncated"),
        (b"<issues><a></b></issues>", "tool_log.unknown_format"),
        (b'<issues burpVersion="1"><issue></nope></issue></issues>', "tool_log.broken"),
        (b"< nonsense", "tool_log.broken"),
        (b'{"results": [{"check_id": "x", "pa', "tool_log.truncated"),
        (b'{"results": [{"check_id": tru', "tool_log.truncated"),
        (b'{"results": [1, 2,', "tool_log.truncated"),
        (b'{"results": oops, "errors": [], "more": "text text text"}', "tool_log.broken"),
        (b"[" * 200_000, "tool_log.broken"),
        (b'{"a":' * 200_000, "tool_log.broken"),
        (b'{"n": ' + b"9" * 10_000 + b"}", "tool_log.broken"),
        (f"{BOMB}<issues burpVersion='1'>&b;</issues>".encode(), "tool_log.entities"),
        (f"{OUTSIDE}<issues burpVersion='1'>&a;</issues>".encode(), "tool_log.entities"),
        (f"{PARAMETER}<issues burpVersion='1'></issues>".encode(), "tool_log.entities"),
        (f"{BOMB}<issues burpVersion='1'>&b;</issues>".encode("utf-16"), "tool_log.entities"),
        (b'<issues burpVersion="1">' + b"<issue>" * 5000, "tool_log.broken"),
        (b'<?xml version="1.0" encoding="klingon"?><issues/>', "tool_log.broken"),
        (b'"id","fqdn/ip","port","severity","finding","cve","cwe"\n"a","b","443","LOW","cut of', "tool_log.truncated"),
        (b"Target URL,Place,Parameter,Technique(s),Note(s)\nhttp://a.example/,GET", "tool_log.truncated"),
        (b'Target URL,Place,Parameter,Technique(s)\n"' + b"a" * 200_000 + b'",b,c,d\n', "tool_log.broken"),
        (gzip.compress(BURP.encode())[:-9], "file.broken_gzip"),
        (b"\x1f\x8bnonsense", "file.broken_gzip"),
    ],
)  # fmt: skip
def test_unusable_reports_are_counted_by_reason(tmp_path: Path, content: bytes, reason: str) -> None:
    documents, log = collect(tmp_path, content)
    assert documents == []
    assert log.tally.dropped == {reason: 1}
    with pytest.raises(InputError, match="expected reports of bandit, burp"):
        read(ToolLogsSource(paths=[str(tmp_path / "report")]))


def test_findings_before_a_break_stand_but_the_report_is_not_whole(tmp_path: Path) -> None:
    for cut in (10, 40, len(ISSUE)):
        documents, log = collect(tmp_path, BURP[:-cut])
        assert 1 <= len(documents) <= 2
        assert log.tally.dropped == {"tool_log.truncated": 1}
        assert f"the {len(documents)} findings before are kept" in log.refused[0]["detail"]


def test_a_line_that_is_cut_off_and_lines_that_are_no_findings(tmp_path: Path) -> None:
    content = lines(LINE, "oops", "[1]", "{}", {**LINE, "matcher-status": False}) + '{"template-id": "u", "inf'
    documents, log = collect(tmp_path, content)
    assert len(documents) == 1
    assert log.tally.dropped == {
        "tool_log.not_json": 1,
        "record.not_object": 1,
        "tool_log.no_finding": 1,
        "tool_log.passed_check": 1,
        "tool_log.truncated": 1,
    }
    # The first line may be the bad one.
    documents, log = collect(tmp_path, lines('{"oops', LINE))
    assert (len(documents), log.tally.dropped) == (1, {"tool_log.not_json": 1})


def test_long_lines_are_bounded(tmp_path: Path) -> None:
    long = json.dumps({**LINE, "response": "x" * 100_000_000})
    started = time.monotonic()
    documents, log = collect(tmp_path, f"{json.dumps(LINE)}\n{long}\n")
    assert (len(documents), log.tally.dropped) == (1, {"record.long_line": 1})
    documents, log = collect(tmp_path, f"{long}\n{json.dumps(LINE)}\n")
    assert (len(documents), log.tally.dropped) == (1, {"record.long_line": 1})
    assert time.monotonic() - started < 30


def test_large_reports_are_refused_packed_or_not(tmp_path: Path) -> None:
    for content in (BURP.encode(), gzip.compress(BURP.encode())):
        documents, log = collect(tmp_path, content, max_bytes=100)
        assert (documents, log.tally.dropped) == ([], {"file.too_large": 1})
        documents, log = collect(tmp_path, content)
        assert (len(documents), log.tally.dropped) == (2, {})


def test_other_encodings(tmp_path: Path) -> None:
    named = BURP.replace("Issue 1", "Isse\u00f1a 1")
    for content in (named.encode(), b"\xef\xbb\xbf" + named.encode(), named.encode("utf-16")):
        documents, log = collect(tmp_path, content)
        assert ([document.title for document in documents], log.tally.dropped) == (["Isse\u00f1a 1", "Issue 2"], {})
    latin = named.replace('"1.0"', '"1.0" encoding="ISO-8859-1"').encode("latin-1")
    assert [document.title for document in collect(tmp_path, latin)[0]] == ["Isse\u00f1a 1", "Issue 2"]
    # Not what it says it is: read all the same, and counted.
    documents, log = collect(tmp_path, named.encode("latin-1"))
    assert (documents[0].title, log.tally.dropped) == ("Isse\ufffda 1", {"tool_log.replaced": 1})
    documents, log = collect(tmp_path, lines(LINE).encode().replace(b"Name", b"N\xffame"))
    assert (documents[0].title, log.tally.dropped) == ("N\ufffdame", {"tool_log.replaced": 1})


HOSTILE_VALUES = (
    None,
    True,
    7,
    1.5,
    "x",
    [],
    {},
    [None],
    ["x"],
    [{}],
    [[]],
    {"x": "y"},
    "\ud800",
    "\x00\x1b[31m",
    float("nan"),
)
SHAPES: tuple[dict[str, Any], ...] = (
    LINE,
    {"RuleID": "r", "Secret": "s", "File": "f", "StartLine": 1, "Match": "m", "Description": "d", "Commit": "c"},
    {"offender": "o", "rule": "r", "file": "f", "lineNumber": 1, "commit": "c"},
    {"DetectorName": "d", "SourceMetadata": {}, "Raw": "r", "RawV2": "r", "Verified": True},
    {"stringsFound": ["s"], "reason": "r", "path": "p", "commitHash": "c", "branch": "b"},
    {"title": "t", "severity": "low", "cwe": "79", "references": [], "url": "http://a.example/?a=b"},
    {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": "n"}}, "results": [{"ruleId": "r"}]}]},
    {"SchemaVersion": 2, "ArtifactName": "a", "Results": [{"Vulnerabilities": [{"VulnerabilityID": "CVE-2020-1"}]}]},
    {"ClusterName": "c", "Resources": [{"Results": [{"Misconfigurations": [{"ID": "x"}]}]}]},
    {"site": [{"@name": "n", "alerts": [{"name": "a", "instances": [{"uri": "u"}]}]}]},
    {"server_scan_results": [{"scan_result": {"heartbleed": {"result": {}}}}]},
    {"host": "h", "port": "1", "vulnerabilities": [{"id": "1", "msg": "m", "url": "/"}]},
    {"vulnerabilities": {"A": [{"info": "i"}]}, "infos": {"target": "t"}, "classifications": {"A": {}}},
    {"results": [{"test_id": "B1", "issue_text": "t"}], "metrics": {}, "generated_at": "now"},
    {"results": [{"check_id": "c", "extra": {}}], "errors": []},
    {"id": "i", "severity": "LOW", "finding": "f", "port": "1", "ip": "i", "cwe": "c", "cve": "c"},
    {"scanResult": [{"targetHost": "t", "more": [{"id": "i", "finding": "f", "severity": "LOW"}]}], "Invocation": ""},
    *MORE,
)  # fmt: skip


def spoiled(value: Any) -> Any:
    """Yield copies of a JSON value in each of which one part is of another type."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from ({**value, key: bad} for bad in HOSTILE_VALUES)
            yield from ({**value, key: bad} for bad in spoiled(item))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from ([*value[:index], bad, *value[index + 1 :]] for bad in (*HOSTILE_VALUES, *spoiled(item)))


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: "-".join(list(shape)[:2]))
def test_values_of_other_types_never_stop_a_report(tmp_path: Path, shape: dict[str, Any]) -> None:
    documents, log = collect(tmp_path, json.dumps(shape))
    assert documents or shape.get("server_scan_results")
    for count, bad in enumerate(spoiled(shape)):
        for content in (json.dumps(bad), json.dumps([bad, bad]), f"{json.dumps(bad)}\n{json.dumps(shape)}\n"):
            documents, log = collect(tmp_path, content)
            assert documents or log.tally.dropped
        assert count < 2000


def test_texts_are_bounded_and_control_characters_go(tmp_path: Path) -> None:
    record = {
        "title": "T\x1b[31m\x00 " * 900,
        "severity": "LOW",
        "evidence": "e " * 9000,
        "description": "word " * 90_000,
    }
    (document,), _ = collect(tmp_path, lines(record, record))
    assert len(document.title) <= 300
    assert len(document.fields["evidence"]) <= MAX_EVIDENCE
    assert len(document.fields["description"]) <= MAX_TEXT
    assert document.fields["description"].endswith(" ...")
    assert not {"\x1b", "\x00"} & set(document.text)


def test_patterns_stay_fast_on_long_runs() -> None:
    started = time.monotonic()
    for run in (
        "a",
        "<",
        "-",
        "=",
        "password",
        "token=",
        "<b",
        "://",
        "aA1",
        "\n ",
        "<p ",
        "eyJa.",
        "union ",
        "cookie: ",
    ):
        text = run * (8000 // len(run))
        clean_evidence(text)
        without_payloads(text)
        place(text)
        plain(text * 4)
    assert time.monotonic() - started < 10


def test_links_out_of_the_folder_are_counted(tmp_path: Path) -> None:
    write(tmp_path / "outside" / "report", BURP)
    write(tmp_path / "reports" / "one", BURP.replace("Issue", "Other"))
    (tmp_path / "reports" / "link").symlink_to(tmp_path / "outside" / "report")
    documents, log = read(ToolLogsSource(paths=[str(tmp_path / "reports")]))
    assert [document.title for document in documents] in (["Other 1", "Other 2"], ["Other 2", "Other 1"])
    assert log.tally.dropped == {"file.link_outside": 1}


def test_the_same_finding_in_two_reports_is_one_document(tmp_path: Path) -> None:
    write(tmp_path / "a", BURP)
    write(tmp_path / "b", BURP.replace("Issue 2", "Issue 3"))
    documents, log = read(ToolLogsSource(paths=[str(tmp_path)]))
    assert sorted(document.title for document in documents) == ["Issue 1", "Issue 2", "Issue 3"]
    assert log.tally.dropped == {"tool_log.repeated": 1}
    assert {document.path for document in documents if document.title != "Issue 3"} == {str(tmp_path / "a")}


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Set-Cookie: opvc", "Set-Cookie: opvc"),
        ("Set-Cookie: SID=31d4d96e407aad42; path=/", "Set-Cookie: SID=[redacted]"),
        ("Authorization: Basic dXNlcjpwYXNz", "Authorization: [redacted]"),
        ("curl -H 'Bearer abcdefghijklmnop123'", "curl -H 'Bearer [redacted]'"),
        ("see https://user:pass@a.example/x", "see https://[redacted]@a.example/x"),
        ("login with password 'hunter2' worked", "login with password '[redacted]' worked"),
        ("key AKIAIOSFODNN7EXAMPLE here", "key AKIA[redacted] here"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc\n-----END RSA PRIVATE KEY-----", "[redacted]"),
        ("-----BEGIN RSA PRIVATE KEY-----\nabc", "[redacted]"),
        ("user_token=0ad6e164&x=1", "user_token=[redacted]&x=1"),
        ("A password should be long.", "A password should be long."),
        ("Tokens: use new ones", "Tokens: use new ones"),
    ],
)
def test_secrets_by_their_form(text: str, kept: str) -> None:
    assert clean(text).replace("password [redacted]", "password '[redacted]'") == kept


def test_secrets_in_evidence() -> None:
    assert clean_evidence("db_password = hunter22x") == "db_password = [redacted]"
    assert clean_evidence("id 8b1a9953c4611296a827abf8c47804d7!") == "id 8b1a[redacted]!"
    assert clean_evidence("TLS_ECDH_anon_WITH_AES_128_CBC_SHA") == "TLS_ECDH_anon_WITH_AES_128_CBC_SHA"
    assert (secret("short"), secret("long-enough-secret")) == ("[redacted]", "long[redacted]")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://a.example/x", ("http://a.example/x", False)),
        ("http://a.example/x?q", ("http://a.example/x?q", False)),
        ("http://u:p@a.example/x?id=1%27--&b=2&id=3#f", ("http://[redacted]@a.example/x?id&b", True)),
        ("http://a.example/a/../../etc/passwd", ("http://a.example/a/[payload omitted]", True)),
        ("http://a.example/%3Cscript%3E/b", ("http://a.example/[payload omitted]", True)),
        ("http://a.example/%253Cscript%253E/b", ("http://a.example/[payload omitted]", True)),
        ("http://a.example/?price[$ne]=1", ("http://a.example/?[payload omitted]", True)),
        ("", ("", False)),
    ],
)
def test_where_a_url_points_to(url: str, expected: tuple[str, bool]) -> None:
    where, left_out = place(url)
    assert (where.replace("//[redacted]@", "//"), left_out) == (expected[0].replace("//[redacted]@", "//"), expected[1])


def test_payloads_in_messages() -> None:
    text, found = without_payloads("The page echoes <script>alert(1)</script> of parameter q")
    assert (text, found) == ("The page echoes [payload omitted] of parameter q", True)
    assert without_payloads("Header X-Frame-Options is missing") == ("Header X-Frame-Options is missing", False)
    assert parameter_names("a=1&b[]=2&c") == ["a", "b[]", "c"]


@pytest.mark.parametrize(
    "more",
    [
        {"template-id": "router-password-disclosure"},
        {"info": {"name": "Admin password in page", "severity": "high"}},
        {"matcher-name": "passwd"},
        {"info": {"name": "x", "severity": "high", "tags": ["exposure", "creds"]}},
    ],
)
def test_a_bare_password_that_a_template_looked_for(tmp_path: Path, more: dict[str, Any]) -> None:
    documents, _ = collect(tmp_path, lines({**LINE, **more, "extracted-results": ["Winter2031", "admin"]}))
    assert "Winter2031" not in canonical_json(documents)
    documents, _ = collect(tmp_path, lines({**LINE, "extracted-results": ["nginx 1.25"]}))
    assert "nginx 1.25" in canonical_json(documents)
