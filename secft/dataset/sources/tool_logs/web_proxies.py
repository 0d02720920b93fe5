"""Reports of web proxies with a scanner: ZAP (XML and JSON) and Burp (XML).

Requests and responses are never read: they hold cookies, credentials and what was sent to attack.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from xml.etree.ElementTree import Element

from secft.dataset.sources.reading.json_values import mappings
from secft.dataset.sources.reading.xml import text_at
from secft.dataset.sources.tool_logs.finding import Finding, Skipped, finding
from secft.dataset.sources.tool_logs.redaction import OMITTED, place, without_payloads
from secft.dataset.sources.tool_logs.report import Report
from secft.reasons import Reason
from secft.security.severity import severity_of_word

_RISKS = {"0": "info", "1": "low", "2": "medium", "3": "high"}
_SHOWN = 20
"""Places of one alert that are listed."""
_BOLD = re.compile(r"(?is)(payloads?\s*)?<b>(.{0,4000}?)</b>")
_HARMLESS = re.compile(r"[\w .\-\[\]:/]{1,120}")


def _instance(instance: dict[str, Any]) -> tuple[str, bool]:
    """Return one line on where ZAP saw an alert, and whether something was left out."""
    value = {key: str(instance.get(key) or "").strip() for key in ("uri", "method", "param", "attack", "evidence")}
    where, cut = place(value["uri"])
    line = " ".join(part for part in (value["method"], where) if part)
    if value["param"]:
        name, hidden = without_payloads(value["param"])
        line, cut = f"{line}, parameter {name}", cut or hidden
    if value["evidence"] and not value["attack"]:
        shown, hidden = without_payloads(value["evidence"])
        line, cut = f"{line}, seen: {shown[:200]}", cut or hidden
    return line, cut or bool(value["attack"])


def _alert(alert: dict[str, Any], site: str) -> Finding:
    # Before ZAP 2.4 an alert had one place and no instances.
    instances = mappings(alert, "instances") or ([alert] if alert.get("uri") else [])
    seen = [_instance(instance) for instance in instances]
    lines = list(dict.fromkeys(line for line, _ in seen))
    more = [f"and {len(lines) - _SHOWN} more"] if len(lines) > _SHOWN else []
    tags = alert.get("tags")
    tag_names = [tag.get("tag") for tag in tags if isinstance(tag, dict)] if isinstance(tags, list) else []
    return finding(
        "zap",
        alert.get("alertRef") or alert.get("pluginid") or "",
        str(alert.get("name") or alert.get("alert") or ""),
        severity=_RISKS.get(str(alert.get("riskcode")), "unknown"),
        cwes=[alert.get("cweid"), *tag_names],
        cves=[*tag_names, alert.get("desc")],
        target=place(site)[0],
        evidence="\n".join([*lines[:_SHOWN], *more]),
        description=str(alert.get("desc") or ""),
        remediation=str(alert.get("solution") or ""),
        references=[alert.get("reference")],
        payload_omitted=any(cut for _, cut in seen),
    )


def _plain_dict(item: Element) -> dict[str, Any]:
    """Turn an ``alertitem`` into what ZAP writes as JSON."""
    found: dict[str, Any] = {child.tag: (child.text or "") for child in item}
    found["instances"] = [{part.tag: part.text or "" for part in one} for one in item.findall("instances/instance")]
    found["tags"] = [{part.tag: part.text or "" for part in one} for one in item.findall("tags/tag")]
    return found


def parse_zap_xml(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each alert of each site."""
    for site in report.elements(["site"]):
        for item in site.iter("alertitem"):
            yield _alert(_plain_dict(item), site.get("name", ""))


def parse_zap_json(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each alert of each site."""
    sites = report.value.get("site")
    for site in sites if isinstance(sites, list) else [sites]:
        for alert in mappings(site, "alerts"):
            yield _alert(alert, str(site.get("@name") or ""))


def _without_marked_payloads(detail: str) -> tuple[str, bool]:
    """Replace what Burp set in bold where it is something that was sent; names of parameters stay."""
    omitted = False

    def replace(match: re.Match[str]) -> str:
        nonlocal omitted
        keep = not match.group(1) and _HARMLESS.fullmatch(match.group(2))
        omitted = omitted or not keep
        return match.group() if keep else f"{match.group(1) or ''}{OMITTED}"

    return _BOLD.sub(replace, detail), omitted


def parse_burp(report: Report) -> Iterator[Finding | Skipped]:
    """Yield a finding for each issue; false positives are left."""
    for issue in report.elements(["issue"]):
        word = text_at(issue, "severity")
        if word.lower().replace(" ", "_") == "false_positive":
            yield Skipped(Reason("tool_log.false_positive"), text_at(issue, "name"))
            continue
        detail, hidden = _without_marked_payloads(text_at(issue, "issueDetail"))
        location, cut = without_payloads(text_at(issue, "location"))
        where, left_out = place(text_at(issue, "host") + text_at(issue, "path"))
        classes = text_at(issue, "vulnerabilityClassifications")
        confidence = text_at(issue, "confidence")
        yield finding(
            "burp",
            text_at(issue, "type"),
            text_at(issue, "name"),
            severity=severity_of_word(word),
            cwes=[classes],
            cves=[classes, detail],
            target=where,
            evidence="\n".join(filter(None, [location, confidence and f"confidence {confidence.lower()}"])),
            description=f"{text_at(issue, 'issueBackground')}\n\n{detail}",
            remediation=f"{text_at(issue, 'remediationBackground')}\n\n{text_at(issue, 'remediationDetail')}",
            references=re.findall(r"https?://[^\s\"'<>]{1,500}", f"{text_at(issue, 'references')} {classes}"),
            payload_omitted=hidden or cut or left_out or issue.find("requestresponse") is not None,
        )
