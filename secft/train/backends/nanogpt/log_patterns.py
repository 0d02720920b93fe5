"""Where identifying values stand in logs. In each pattern the group ``value`` is what identifies."""

from __future__ import annotations

import re

IPV4 = re.compile(
    r"(?<![A-Za-z0-9.])(?P<value>(?:\d{1,3}\.){3}\d{1,3})(?![A-Za-z0-9]|\.\d)(?P<bits>/\d{1,2}(?![\d.]))?"
)
IPV6 = re.compile(
    r"(?:(?<![\w:.])|(?<=[A-Za-z_]:))(?P<value>(?=[0-9A-Fa-f:]*:[0-9A-Fa-f:]*:)[0-9A-Fa-f:]{2,39}(?:(?<=:)(?:\d{1,3}\.){3}\d{1,3})?)"
    r"(?P<bits>/\d{1,3})?(?![\w:]|\.\d)"
)
MAC = re.compile(
    r"(?<![\w:-])(?P<value>[0-9A-Fa-f]{2}(?:(?::[0-9A-Fa-f]{2}){5}|(?:-[0-9A-Fa-f]{2}){5})"
    r"|[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4}\.[0-9A-Fa-f]{4})(?![\w:-])"
)
# iptables joins two addresses and a type: MAC=dd:dd:dd:dd:dd:dd:ss:ss:ss:ss:ss:ss:08:00
MAC_PAIR = re.compile(r"(?<=MAC=)(?P<value>(?:[0-9A-Fa-f]{2}:){12})(?=[0-9A-Fa-f]{2}:[0-9A-Fa-f]{2}\b)")
UUID = re.compile(r"(?i)(?<![\w-])(?P<value>[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})(?![\w-])")
HEX = re.compile(r"(?<![\w])(?P<value>[0-9a-f]{32,1024}|[0-9A-F]{32,1024})(?![\w])")
EMAIL = re.compile(
    # Behind an escape of JSON stands a letter that is no part of the address.
    r"(?:(?<=\\u003c)|(?<=\\u003e)|(?<=\\n)|(?<![\w.+\\-]))(?P<value>[\w.+-]{1,64}@"
    r"(?:[A-Za-z0-9][A-Za-z0-9-]{0,62}\.){0,8}[A-Za-z][A-Za-z0-9-]{1,62})(?![\w-])"
)
DOMAIN = re.compile(
    r"(?<![\w.-])(?P<value>(?:[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9])?\.){1,9}"
    r"[A-Za-z][A-Za-z0-9-]{1,62})(?![\w-])"
)
# Fingerprints of keys, as pairs.
PAIRS = re.compile(r"(?<![\w:])(?P<value>(?:[0-9A-Fa-f]{2}:){15,63}[0-9A-Fa-f]{2})(?![\w:])")
SID = re.compile(r"\b(?P<value>S-1-5-21(?:-\d{1,10}){3,4})\b")

_NAME = r"[^\W][^\s\"'<>;,()&\[\]{}|=:@/\\`*+]{0,63}"
_QUOTE = r"[\"']?"
_NO_ESCAPE = r"(?!u00[0-9a-f]{2}|[nrt](?![a-z]))"
"""What follows a backslash in JSON without being a name: \\u003c, or a line feed before what is no small letter."""
USERS = tuple(
    re.compile(pattern)
    for pattern in (
        rf"(?i)(?<![A-Za-z])(?:user|username|user_name|user-name|login|logname|account|account_name|acct|ruser|suser"
        rf"|duser|auser|srcuser|dstuser|src_user|dst_user|targetusername|subjectusername|samaccountname|run_as"
        rf"|sudo_user|owner){_QUOTE}\s{{0,3}}[=:]\s{{0,3}}{_QUOTE}(?P<value>{_NAME})",
        rf"(?i)\b(?:accepted|failed|postponed|partial) \S{{1,40}} for (?:(?:invalid|illegal) user )?"
        rf"(?P<value>{_NAME}) from\b",
        rf"(?i)\b(?:invalid|illegal|unknown|authenticating) user (?P<value>{_NAME})(?= from\b| [\d.:]{{3}}|\s*$)",
        rf"(?i)\b(?:for|by|of|from|as) user (?P<value>{_NAME})(?=\(| by\b| from\b| at\b| on\b|\.?\s*$)",
        rf"(?i)\buser (?P<value>{_NAME}) (?:logged|login|authenticated|failed|connected|disconnected)\b",
        rf"\b(?:e|f|s)?(?:uid|gid|groups)=\d{{1,10}}\((?P<value>{_NAME})\)",
        rf",\d{{1,10}}\((?P<value>{_NAME})\)",
        rf"\bsudo(?:\[\d+\])?:\s{{1,8}}(?P<value>{_NAME}) : ",
        rf"\bby (?P<value>{_NAME})\(uid=\d{{1,10}}\)",
        rf"(?i)\b(?:session (?:opened|closed) for|password changed for|new user: name=) ?"
        rf"(?P<value>{_NAME})(?=[\s(,]|$)",
        rf"(?i)\bfailed for (?P<value>{_NAME}) on /dev/",
        rf"(?i)\bsu(?:\[\d+\])?: .{{0,60}}\b(?:to|for) {_NAME} by (?P<value>{_NAME})",
        rf"(?i)\bsu(?:\[\d+\])?: .{{0,60}}\b(?:to|for) (?P<value>{_NAME}) by ",
        rf"\bCRON(?:\[\d+\])?: \((?P<value>{_NAME})\)",
        rf"^\S{{1,255}} \S{{1,64}} (?P<value>{_NAME}) \[\d",
        r"(?:(?<![\w.-])/(?:home|Users|export/home)|(?i:[\\/]documents and settings|[a-z]:\\{1,2}users))[\\/]{1,2}"
        rf"(?P<value>{_NAME})(?=[\\/\s\"':;,)<>]|$)",
        r"(?<![\w/.~])~(?P<value>[A-Za-z][\w.$-]{1,63})/",
        r"(?<![\w\\:/.-])(?:[A-Z][A-Z0-9-]{1,14})\\{1,2}"
        + _NO_ESCAPE
        + r"(?P<value>[A-Za-z][\w.$-]{1,63})(?![\w.$\\-])",
        rf"://(?P<value>{_NAME})(?::[^\s/@\"'<>]{{0,200}})?@",
        rf":user/(?P<value>{_NAME})",
    )
)
WINDOWS_DOMAIN = re.compile(
    r"(?<![\w\\:/.-])(?P<value>[A-Z][A-Z0-9-]{1,14})(?=\\{1,2}" + _NO_ESCAPE + r"[A-Za-z][\w.$-]{0,63}(?![\w.$\\-]))"
    r"|(?i:(?<![A-Za-z])(?:(?:target|subject)?domainname|ntdomain|workgroup)[\"']?\s{0,3}[=:]\s{0,3}[\"']?)"
    r"(?P<named>[A-Za-z][\w-]{1,62})(?![\w.-])"
)
_TIME = (
    r"(?:(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} \d\d:\d\d:\d\d"
    r"|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?)"
)
HOSTS = tuple(
    re.compile(pattern)
    for pattern in (
        # RFC 3164 and RFC 5424: what follows the time and stands before a program.
        rf"^(?:<\d{{1,3}}>\d{{0,2}} ?)?{_TIME} (?P<value>[A-Za-z0-9][\w-]{{0,62}})"
        rf"(?= [\w./()-]{{1,64}}(?:\[\d+\])?:? )",
        rf"(?i)(?<![A-Za-z])(?:host|hostname|host_name|shost|dhost|src_host|dst_host|dest_host|dvchost|computer"
        rf"|computername|workstation|workstationname|machine|nodename|rhost|device_name){_QUOTE}\s{{0,3}}[=:]\s{{0,3}}"
        rf"{_QUOTE}\\{{0,4}}(?P<value>[A-Za-z0-9][\w-]{{0,62}})(?![\w.:-])",
        # DHCP servers tell the name that a device gives itself.
        r"(?i)(?<=[0-9a-f]{2}:[0-9a-f]{2} \()(?P<value>[A-Za-z0-9][\w-]{0,62})(?=\))",
        r"(?i)<hostname[^>]{0,40}name=\"(?P<value>[A-Za-z0-9][\w-]{0,62})\"",
        r"(?:^|(?<=[\s\"'=(]))\\{2,4}(?P<value>[A-Za-z0-9][\w-]{1,62})(?=\\{1,2}[\w$])",
        r"(?<=://)(?P<value>[A-Za-z][\w-]{1,62})(?=[:/\s\"']|$)",
    )
)
SECRETS = tuple(
    (re.compile(pattern), keep)
    for pattern, keep in (
        (r"\b(?P<value>(?:AKIA|ASIA|AIDA|AROA|ABIA|ACCA)[A-Z0-9]{16})\b", 4),
        (r"\b(?P<value>gh[pousr]_[A-Za-z0-9]{30,255})\b", 4),
        (r"\b(?P<value>github_pat_\w{20,255})", 11),
        (r"\b(?P<value>glpat-[\w-]{20,64})", 6),
        (r"\b(?P<value>xox[abprs]-[\w-]{10,255})", 5),
        (r"\b(?P<value>AIza[\w-]{35})", 4),
        (r"\b(?P<value>sk_(?:live|test)_\w{16,255})", 8),
        (r"\b(?P<value>eyJ[\w-]{8,4000}\.[\w-]{8,4000}(?:\.[\w-]{0,4000})?)", 3),
        (r"(?i)\b(?:bearer|basic)\s{1,3}(?P<value>[\w.+/=~-]{8,4000})", 0),
        (r"://[^\s/@:\"'<>]{1,64}:(?P<value>[^\s/@\"'<>]{1,200})@", 0),
        (
            r"(?i)(?:pass(?:word|phrase|wd)?|pwd|secret|token|api[_-]?key|access[_-]?key|credentials?"
            r"|sess(?:ion)?(?:[_-]?id)?|phpsessid|jsessionid|csrf\w{0,20}|signature)[\"']?\s{0,3}[=:]\s{0,3}[\"']?"
            r"(?P<value>(?![\[({<])[^\s\"'&;,<>)\]}]{4,4000})",
            0,
        ),
        (r"\bSHA(?:1|256|384|512):(?P<value>[A-Za-z0-9+/]{27,88}={0,2})(?![\w+/])", 0),
        (r"(?<![\w/+=.-])(?P<value>[A-Za-z0-9_+=-]{20,4000})(?![\w/+=.-])", 0),
    )
)
IDS = (
    re.compile(
        r"(?i)(?<![A-Za-z])(?:a?uid|e[ug]id|fs[ug]id|s[ug]id|o[ug]id|gid|ses|session_?id"
        r"|account(?:_?id|_?number)?|user(?:name|_?id)?|login|acct|customer_?id|employee_?id|tenant_?id|subscription_?id"
        r"|device_?id|serial(?:_?number)?|imei|imsi|phone|ssn)"
        r"[\"']?\s{0,3}[=:]\s{0,3}[\"']?(?P<value>\d{3,40})(?![\w.])"
    ),
    re.compile(r"(?<=[=,])(?P<value>\d{4,10})(?=\([A-Za-z])"),
    re.compile(r"\barn:aws[\w-]{0,10}:[\w-]{1,40}:[\w-]{0,20}:(?P<value>\d{12})(?=:)"),
)
SYSTEM_NUMBERS = frozenset({"65534", "65535", "4294967294", "4294967295"})
"""Numbers of nobody, and of nothing set."""

INTERNAL = frozenset(("local", "lan", "internal", "intranet", "corp", "home", "localdomain", "priv", "private"))
"""Endings of names inside a network."""
TOP_LEVEL = frozenset((
    "ai", "app", "arpa", "asia", "biz", "cc", "cloud", "com", "corp", "dev", "domain", "edu", "eu", "gov", "home",
    "info", "int", "internal", "intranet", "io", "lan", "local", "localdomain", "me", "mil", "name", "net", "onion",
    "online", "org", "priv", "private", "pro", "shop", "site", "tech", "tv", "xyz",
))  # fmt: skip
"""Endings of domains that are no country."""
FILE_ENDINGS = frozenset((
    "sh", "py", "pl", "rs", "so", "md", "ps", "cc", "gz", "xz", "js", "ts", "cs", "vb", "mm", "hs", "kt", "rb", "db",
))  # fmt: skip
"""Endings of files that are also countries."""
