from __future__ import annotations

import gzip
import subprocess
import sys
from pathlib import Path

import pytest

from secft.dataset import collect
from secft.dataset.sources.source import ReadLog
from secft.dataset.sources.xccdf import XccdfSource, elements, reader
from secft.errors import InputError
from secft.records import Document

REAL = Path("/usr/share/xml/scap/ssg/content")
XCCDF = 'xmlns="http://checklists.nist.gov/xccdf/1.2" xmlns:h="http://www.w3.org/1999/xhtml"'
PREFIX = "xccdf_org.acme"


def benchmark(body: str, name: str = "BOX", head: str = "") -> str:
    return (
        f'<Benchmark {XCCDF} id="{PREFIX}_benchmark_{name}"><title>Guide to the <h:b>Box</h:b></title>'
        f"{head}<version>1.2</version>{body}</Benchmark>"
    )


def rule(name: str, body: str = "<description>Words.</description>", attributes: str = "") -> str:
    return f'<Rule id="{PREFIX}_rule_{name}" {attributes}><title>Title of\n {name}</title>{body}</Rule>'


def group(name: str, body: str, attributes: str = "") -> str:
    return f'<Group id="{PREFIX}_group_{name}" {attributes}><title>Group {name}</title>{body}</Group>'


def profile(name: str, selects: dict[str, str], attributes: str = "") -> str:
    lines = [f'<select idref="{PREFIX}_{item}" selected="{value}"/>' for item, value in selects.items()]
    return f'<Profile id="{PREFIX}_profile_{name}" {attributes}><title>The {name}</title>{"".join(lines)}</Profile>'


def save(path: Path, content: str) -> str:
    path.write_text(content)
    return str(path)


def read(*paths: str) -> tuple[list[Document], ReadLog]:
    log = ReadLog()
    return list(reader.READER.read(XccdfSource(paths=list(paths), license="BSD"), log)), log


def test_a_rule(tmp_path: Path) -> None:
    body = f"""
      <description>Install it:
        <h:pre>
$ apt-get  install box
  -y</h:pre>Then<h:br/><h:ul><h:li>look at <h:code>/etc/box</h:code></h:li><h:li>log to
        <sub idref="{PREFIX}_value_log"/></h:li></h:ul></description>
      <warning category="general">Slow.</warning>
      <reference href="http://nvlpubs.nist.gov/NIST.SP.800-53r4.pdf">CM-6(a)</reference>
      <reference href="http://nvlpubs.nist.gov/NIST.SP.800-53r4.pdf">CM-6(a)</reference>
      <reference href="https://www.cisecurity.org/controls/">1</reference>
      <reference href="https://public.cyber.mil/stigs/cci/">CCI-000366</reference>
      <rationale>It is <h:em>good</h:em>.</rationale>
      <platform idref="#machine"/>
      <requires idref="{PREFIX}_rule_other"/>
      <ident system="https://nvd.nist.gov/cce">CCE-12345-6</ident>
      <fix system="urn:xccdf:fix:script:sh" complexity="low">log='<sub idref="{PREFIX}_value_log" use="legacy"/>'
  if true; then echo; fi</fix>
      <fix system="urn:xccdf:fix:script:ansible"> </fix>
      <check system="http://oval"><check-content-ref href="oval.xml" name="oval:x:def:1"/></check>"""
    late_value = (
        f'<Value id="{PREFIX}_value_log"><title>Log</title><value selector="far">/far</value>'
        "<value>/var/log/box</value></Value>"
    )
    text = benchmark(group("outer", group("inner", rule("a", body, 'severity="high"')) + late_value))
    (document,), log = read(save(tmp_path / "x.xml", text))
    fields = document.fields
    assert (document.id, document.title, document.license) == ("xccdf:BOX#a", "Title of a", "BSD")
    assert (document.source_version, fields["parent"], fields["severity"]) == ("1.2", "BOX#inner", "high")
    assert fields["description"] == (
        "Install it:\n\n$ apt-get  install box\n  -y\n\nThen\n\n- look at /etc/box\n- log to /var/log/box"
    )
    assert document.text == f"{fields['description']}\n\nRationale: It is good.\n\nWarning: Slow."
    assert fields["fixes"] == [
        {
            "system": "sh",
            "script": "log='/var/log/box'\n  if true; then echo; fi",
            "complexity": "low",
            "disruption": "",
            "reboot": "",
            "strategy": "",
        }
    ]
    assert fields["checks"] == [{"system": "http://oval", "href": "oval.xml", "name": "oval:x:def:1"}]
    assert (fields["controls"], fields["ccis"], fields["cces"]) == (["CM-6(a)"], ["CCI-000366"], ["CCE-12345-6"])
    assert [item["text"] for item in fields["references"]] == ["CM-6(a)", "1", "CCI-000366"]
    assert fields["section"] == ["Group outer", "Group inner"]
    assert (fields["platforms"], fields["requires"]) == (["machine"], ["other"])
    assert fields["benchmark"] == {"id": "BOX", "title": "Guide to the Box", "version": "1.2"}
    assert not log.refused


def test_profiles_select_rules_and_groups(tmp_path: Path) -> None:
    head = (
        profile("plain", {})
        + profile("more", {"rule_off": "true", "group_two": "false"})
        + profile("most", {"rule_on": "false"}, f'extends="{PREFIX}_profile_more"')
    )
    body = group("one", rule("on") + rule("off", attributes='selected="false"')) + group("two", rule("in"))
    found, _ = read(save(tmp_path / "x.xml", benchmark(body, head=head)))
    chosen = {document.fields["rule"]: [item["id"] for item in document.fields["profiles"]] for document in found}
    assert chosen == {"on": ["plain", "more"], "off": ["more", "most"], "in": ["plain"]}


def test_a_stig_in_version_1_1(tmp_path: Path) -> None:
    description = (
        "&lt;VulnDiscussion&gt;Guests &amp;amp; strangers come in.\n\nStop them.&lt;/VulnDiscussion&gt;"
        "&lt;FalsePositives&gt;&lt;/FalsePositives&gt;"
    )
    text = f"""<?xml version="1.0" encoding="utf-8"?><?xml-stylesheet href="x"?>
      <Benchmark xmlns="http://checklists.nist.gov/xccdf/1.1" id="RHEL_8_STIG"><title>RHEL 8</title><version>1</version>
      <Profile id="MAC-1"><title>I</title><select idref="V-1" selected="true"/></Profile>
      <Group id="V-1"><title>SRG-OS-1</title><Rule id="SV-1r2_rule" severity="medium"><version>RHEL-08-010000</version>
      <title>RHEL must.</title><description>{description}</description>
      <ident system="http://cyber.mil/cci">CCI-000366</ident><fixtext fixref="F-1">Upgrade.</fixtext>
      <check system="C-1"><check-content>Look at it.</check-content></check></Rule></Group></Benchmark>"""
    (document,), _ = read(save(tmp_path / "stig.xml", text))
    fields = document.fields
    assert document.id == "xccdf:RHEL_8_STIG#SV-1r2_rule"
    assert document.text == (
        "Guests & strangers come in.\n\nStop them.\n\nCheck: Look at it.\n\nFix: Upgrade."
    )  # fmt: skip
    assert (fields["stig_id"], fields["ccis"], fields["parent"]) == (
        "RHEL-08-010000",
        ["CCI-000366"],
        "RHEL_8_STIG#V-1",
    )
    assert fields["profiles"] == [{"id": "MAC-1", "title": "I"}]


def test_data_streams_duplicates_and_refusals(tmp_path: Path) -> None:
    first = benchmark(rule("a") + rule("b", "") + f"<Rule><title>No id</title>{rule('x')}</Rule>", "ONE")
    second = benchmark(rule("a") + "<Rule id='n'><description>No title.</description></Rule>", "TWO")
    stream = f'<d:collection xmlns:d="urn:d"><d:component>{first}</d:component><d:component>{second}</d:component>'
    stream += "<Rule id='outside'/></d:collection>"
    (tmp_path / "ds.xml.gz").write_bytes(gzip.compress(stream.encode()))
    save(tmp_path / "xccdf.xml", benchmark(rule("a"), "ONE"))
    save(tmp_path / "oval.xml", "<oval/>")
    save(tmp_path / "empty.xml", benchmark(""))
    save(tmp_path / "broken.xml", benchmark(rule("z"))[:-20])
    save(tmp_path / "notes.txt", "no")
    found, log = read(str(tmp_path))
    assert [document.id for document in found] == ["xccdf:ONE#a", "xccdf:TWO#a"]
    assert log.tally.dropped == {
        "record.no_description": 1,
        "record.no_id": 1,
        "record.no_title": 1,
        "xccdf.repeated": 1,
        "xccdf.not_benchmark": 2,
        "file.broken": 1,
    }


BOMB = """<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c SYSTEM "file:///etc/passwd">]>"""


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "truncated XML"),
        ("{}", "not valid XML"),
        ("<x/>", "holds no benchmark"),
        (benchmark("<Group/>"), "a benchmark without rules"),
        (BOMB + benchmark(rule("a", "<description>&b;&c;</description>")), "document type"),
        (benchmark("<Group>" * 300 + rule("a") + "</Group>" * 300), "nested more than 256 deep"),
        (benchmark(rule("a", "<description>" + "<h:b/>" * 200_001 + "</description>")), "more than 200,000 elements"),
        ("<Benchmark>" + rule("a") + "</Benchmark>", "holds no benchmark"),
    ],
)
def test_other_and_hostile_files(tmp_path: Path, content: str, message: str) -> None:
    path = save(tmp_path / "x.xml", content)
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert "root:" not in str(caught.value)


def test_too_large_a_file_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elements, "MAX_BYTES", 100_000)
    (tmp_path / "x.xml.gz").write_bytes(gzip.compress(benchmark(rule("a") + " " * 1_000_000).encode()))
    with pytest.raises(InputError, match="larger than"):
        read(str(tmp_path / "x.xml.gz"))


def test_problems(tmp_path: Path) -> None:
    found = collect.problems({"xccdf": XccdfSource(paths=[str(tmp_path / "none.xml")])})
    assert [problem.key for problem in found] == ["source.xccdf.paths"]
    assert collect.problems({"xccdf": XccdfSource(paths=[save(tmp_path / "x.xml", "")])}) == []


MEASURE = """
import resource, sys
from secft.dataset.sources.xccdf import XccdfSource
from secft.dataset.sources.xccdf import reader
from secft.dataset.sources.source import ReadLog
import defusedxml.ElementTree
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
count = sum(1 for _ in reader.READER.read(XccdfSource(paths=[sys.argv[1]]), ReadLog()))
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


def test_a_large_file_needs_little_memory(tmp_path: Path) -> None:
    filler = "<description>" + "Some words. " * 100 + "</description>"
    with (tmp_path / "x.xml").open("w") as stream:
        stream.write(f'<d xmlns:o="urn:o">{"<o:definition><o:x>some oval</o:x></o:definition>" * 200_000}')
        body = "".join(rule(f"r{number}", filler) for number in range(20_000))
        stream.write(benchmark(group("g", body)) + "</d>")
    assert (tmp_path / "x.xml").stat().st_size > 34 << 20
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, str(tmp_path / "x.xml")], capture_output=True, text=True, check=True
    )
    count, kibibytes = map(int, done.stdout.split())
    assert count == 20_000
    assert kibibytes < 24 << 10


@pytest.mark.skipif(not REAL.is_dir(), reason="the Debian package ssg-debian is not installed")
def test_the_real_security_guides() -> None:
    from lxml import etree

    path = REAL / "ssg-debian11-ds.xml"
    found, log = read(str(path))
    tree = etree.parse(str(path))
    names = {"x": "http://checklists.nist.gov/xccdf/1.2"}
    assert len(found) == tree.xpath("count(//x:Benchmark//x:Rule)", namespaces=names) == 355
    assert not log.refused
    scripts = tree.xpath("count(//x:Rule/x:fix[normalize-space()])", namespaces=names)
    assert sum(len(document.fields["fixes"]) for document in found) == scripts
    assert not [document.id for document in found if "[var_" in document.text or "<" in document.title]
    again, log = read(str(path), str(REAL / "ssg-debian11-xccdf.xml"))
    assert [document.text for document in again] == [document.text for document in found]
    assert log.tally.dropped == {"xccdf.repeated": 355}
