"""Passwords in the options of programs, in statements of databases, in pairs of name and password."""

from __future__ import annotations

import re

from secft.security.protection.password_values import any_value, assigned_password, prose_password, quoted_password
from secft.security.protection.rule import Check, Finder, Rule

_BARE = r"(?P<value>[^\s\"'`<>]{3,200}?)(?=[.,;:)\]}]{0,3}(?:\s|$)|[\"'`<>])"


def _tool(names: str, rest: str, real: Check = any_value, also: str = "") -> Rule:
    """Return a rule for programs, whose names are separated by spaces; the rest stands on the same line."""
    hints = tuple(name.replace("_", " ") for name in names.split())
    start = "|".join(map(re.escape, sorted(hints, key=len, reverse=True)))
    return Rule(
        "PASSWORD",
        re.compile(rf"(?i)(?<![\w-])(?:{start})(?![\w])(?:\.exe)?{rest}"),
        hints,
        real,
        at_hints=True,
        also=also,
    )


def _mixed_case(value: str) -> bool:
    """Accept what has a digit, and small letters beside capitals or a sign."""
    signs = any(not one.isalnum() and one not in "-_./:,=" for one in value)
    return prose_password(value) and (signs or (value.lower() != value and value.upper() != value))


_REST = r"[^\n|;]{0,160}?\s"
_ACCOUNT = r"\s+\\?[\"']?[\w.$-]{1,60}\\?[\"']?\s+\\?[\"']?"
_VALUE = r"\\?[\"']?(?P<value>[^\s\"'\\-][^\s\"'\\]{2,100})"

RULES: tuple[Finder, ...] = (
    _tool(
        "mysql mysqldump mysqladmin mysqlimport mariadb mariadb-dump",
        _REST + r"-p[\"']?(?P<value>[^\s\"'-][^\s\"']{3,100})",
        also=" -p",
    ),
    _tool(
        "sshpass docker_login podman_login helm_registry_login az_login oc_login crackmapexec cme nxc netexec"
        " evil-winrm smbmap bloodhound-python ldapdomaindump mongo mongosh "
        "mongodump mongorestore psexec psexec64 hydra certipy kerbrute mosquitto_pub mosquitto_sub 7z unrar plink pscp",
        _REST + r"-(?:p|pw|P)\s?" + _VALUE,
        also=" -p",
    ),
    _tool("ldapsearch ldapmodify ldapadd ldapwhoami ldapdelete ldappasswd", _REST + r"-w\s?" + _VALUE, also=" -w"),
    Rule(
        "PASSWORD",
        re.compile(r"-D\s+[\"']?[\w.@\\=-]{2,60}[^\n|;]{0,120}?\s-w\s+" + _VALUE),
        ("-d ",),
        any_value,
        at_hints=True,
    ),
    _tool("redis-cli", _REST + r"-a\s?" + _VALUE),
    _tool("sqlcmd bcp osql zip unzip", _REST + r"-P\s?" + _VALUE, also=" -p"),
    _tool(
        "curl wget http https httpie",
        _REST + r"(?:-u|--user|-a|--auth|--proxy-user|-U)[ =]?[\"']?[^\s:\"']{1,100}:(?P<value>[^\s\"']{3,200})",
        also=" -",
    ),
    _tool(
        "smbclient rpcclient wmiexec smbget winexe net_rpc net_ads",
        _REST + r"-U\s?[\"']?[^\s%\"']{1,80}%(?P<value>[^\s\"']{3,100})",
        also=" -u",
    ),
    _tool("net_user net1_user", _ACCOUNT + r"(?P<value>(?!/)[^\s\"'*]{3,100})(?=[\"'\\]{0,2}\s+/)"),
    _tool("net_user net1_user", _ACCOUNT + r"(?P<value>(?!/)[^\s\"'*]{3,100})", assigned_password),
    _tool("net_use", r"\s[^\n]{2,120}?\s/user:\S{1,80}\s+(?P<value>(?!/)[^\s\"'*/]{3,100})"),
    _tool("net_use", r"\s+(?:\w:\s+)?\\\\[^\s]{2,120}\s+(?P<value>(?!/)[^\s\"'*/]{3,100})\s+/user:"),
    _tool("htpasswd", r"\s+-\w*b\w*\s+(?:\S{1,100}\s+)?[\w.-]{1,60}\s+(?P<value>[^\s\"']{3,100})"),
    _tool("snmp-server_community snmpwalk snmpget", r"(?:[^\n]{0,40}?-c)?\s+(?P<value>(?!public|private|-)\S{4,60})"),
    _tool("echo", r"\s+(?:-n\s+)?[\"']?[\w.-]{1,40}:(?P<value>[^\s\"']{3,100})[\"']?\s*\|\s*(?:sudo )?chpasswd"),
    _tool("echo", r"\s+(?:-n\s+)?[\"']?(?P<value>[^\s\"']{3,100})[\"']?\s*\|\s*(?:sudo -S|passwd|cryptsetup)"),
    _tool("convertto-securestring", r"\s+(?:-String\s+)?(?P<quote>[\"'])(?P<value>[^\"'\n$]{3,100})(?P=quote)"),
    _tool(
        "identified",
        r" (?:with \w{1,40} )?(?:by|as)\s+(?:password\s+)?(?P<quote>[\"'])(?P<value>[^\"'\n]{3,200})(?P=quote)",
        quoted_password,
    ),
    _tool("password", r"(?: expire)?\s+'(?P<value>[^'\n]{3,200})'", quoted_password),
    _tool("password secret", r"\s+[0-9]\s+(?P<value>[^\s\"']{4,100})"),
    Rule("PASSWORD", re.compile(r"pass:(?P<value>[^\s\"']{3,100})"), ("pass:",), assigned_password, at_hints=True),
    Rule(
        "PASSWORD",
        re.compile(r"(?i)(?<=[\s\"'])/(?:pass(?:word)?|rp|p|pwd)[: ](?P<value>[^\s\"'/<>*]{4,100})"),
        ("/p", "/rp"),
        assigned_password,
        at_hints=True,
    ),
    Rule(
        "PASSWORD",
        re.compile(r"PASS (?P<value>(?!<)\S{4,100})\r?(?=\n|$)"),
        ("pass ",),
        assigned_password,
        at_hints=True,
    ),
    Rule(
        "PASSWORD",
        re.compile(r"(?<=\.py )[^\n]{0,80}?[\w.-]{1,60}/[\w.$-]{1,60}:(?P<value>[^\s@\"']{3,100})@"),
        (".py ",),
        any_value,
    ),
    Rule(
        "PASSWORD",
        re.compile(r"impacket-\w+ [^\n]{0,80}?[\w.-]{1,60}/[\w.$-]{1,60}:(?P<value>[^\s@\"']{3,100})@"),
        ("impacket-",),
        any_value,
        at_hints=True,
    ),
    # The option alone, without a known program: only what looks like a password and like nothing else.
    Rule("PASSWORD", re.compile(r"(?<![\w-])-p\s?[\"']?" + _BARE), ("-p",), _mixed_case, at_hints=True),
    # What tools that guess passwords print: netexec, Metasploit, the brute scripts of nmap, medusa.
    Rule(
        "PASSWORD",
        re.compile(r"\[\+\] [^\n\\]{0,80}?[\w.-]{1,60}\\{1,2}[\w.$-]{1,60}:(?P<value>\S{3,100})"),
        ("[+] ",),
        any_value,
        at_hints=True,
    ),
    Rule(
        "PASSWORD",
        re.compile(
            r"(?i)success(?:ful)?(?: login)?: [\"']?(?:[\w.-]{1,60}\\{1,2})?[\w.@$-]{1,60}:(?P<value>[^\s\"']{3,100})"
        ),
        ("success",),
        any_value,
        at_hints=True,
    ),
    Rule(
        "PASSWORD",
        re.compile(
            r"(?i)(?<![\w:/])[\w.@$-]{1,60}:(?P<value>[^\s:\"'/]{3,100})(?= {1,4}(?:- |=> )?"
            r"(?:valid credentials|account is valid"
            r"|login correct|credenciales v[áa]lidas|valid$))"
        ),
        ("valid", "correct"),
        any_value,
    ),
    Rule(
        "PASSWORD",
        re.compile(
            r"(?i)community(?: strings?| name)?\\?[\"']?(?:\s{0,2}[:=]\s{0,2}| is | es )[\"']?"
            r"(?P<value>(?!public|private)(?=[^\s\"']*[\dA-Z])[^\s\"',;]{4,60})"
        ),
        ("community",),
        assigned_password,
    ),
    # Pairs of name and password.
    Rule(
        "PASSWORD",
        re.compile(
            r"(?i)(?:auth\s?=\s?\(|basicauth\(|credential\(|credential\]::new\()\s{0,4}[\"'][^\"'\n]{1,80}[\"']\s{0,4},"
            r"\s{0,4}[\"'](?P<value>[^\"'\n]{3,100})[\"']"
        ),
        ("auth=(", "auth = (", "basicauth(", "credential(", "credential]::new("),
        any_value,
        at_hints=True,
    ),
    Rule(
        "PASSWORD",
        re.compile(r"(?i)basic[_-]auth\w{0,12}\s?[:=]\s?[\"']?[\w.@-]{1,60}:" + _BARE),
        ("basic_auth", "basic-auth"),
        any_value,
    ),
    Rule(
        "PASSWORD",
        re.compile(
            r"(?i)(?:credentials?|creds|credenciales|credenciais|log(?:ged)? ?in(?: (?:as|with))?"
            r"|usuario/contrase[nñ]a)(?: \w{1,12}){0,3}?"
            r"[:= ]{1,3}[\"'`(]{0,2}[\w.@\\+-]{2,60}(?:\s?[/:|]\s?| (?:y|e|and|con|com|with) )" + _BARE
        ),
        ("credential", "creds", "credencia", "login", "log in", "logged", "usuario/"),
        prose_password,
        at_hints=True,
    ),
)
