"""What stays as it is: names and addresses that identify nobody, identifiers of vulnerabilities, times."""

from __future__ import annotations

import ipaddress
import re

from secft.security.identifiers import either

ACCOUNTS = frozenset((
    "adm", "admin", "administrator", "all-users", "anonymous", "ansible", "apache", "apache2", "backup", "bin",
    "bind", "centos", "chrony", "daemon", "dbus", "debian", "default", "docker", "dovecot", "ec2-user",
    "elasticsearch", "fedora", "ftp", "ftpuser", "games", "git", "gnats", "guest", "hadoop", "halt", "httpd",
    "info", "irc", "jenkins", "list", "localservice", "lp", "mail", "man", "mariadb", "messagebus", "mongodb",
    "mysql", "nagios", "named", "networkservice", "news", "nginx", "nobody", "none", "ntp", "null", "operator",
    "oracle", "pi", "polkitd", "postfix", "postgres", "postgresql", "proxy", "public", "puppet", "redis", "root",
    "rpc", "rpcuser", "service", "shared", "shutdown", "squid", "ssh", "sshd", "supervisor", "support", "svn",
    "sync", "sys", "syslog", "system", "systemd", "systemd-network", "systemd-resolve", "systemd-timesync", "test",
    "tester", "tomcat", "ubuntu", "unknown", "user", "users", "uucp", "vagrant", "www", "www-data", "zabbix",
))  # fmt: skip
"""Accounts of systems and roles."""
HOSTS = frozenset((
    "broadcasthost", "ip6-localhost", "ip6-loopback", "localhost", "localhost.localdomain",
))  # fmt: skip
DOMAINS = (
    "example.com", "example.org", "example.net", "example.edu", "example", "test", "invalid", "localhost",
    "mitre.org", "nist.gov", "owasp.org", "cisa.gov", "w3.org", "ietf.org", "in-addr.arpa", "ip6.arpa",
)  # fmt: skip
"""Reserved names (RFC 2606, RFC 6761) and places of public reference; names below them stay, too."""
_DOCUMENTED = ("example.com", "example.org", "example.net", "example.edu", "example", "test", "invalid")
ROLES = frozenset((
    "ac", "api", "app", "apps", "auth", "cdn", "ci", "co", "com", "corp", "db", "dev", "dns", "edu", "ftp", "fw",
    "gateway", "git", "gov", "gw", "home", "imap", "img", "internal", "intranet", "lan", "local", "localdomain",
    "login", "mail", "mx", "net", "ns", "ns1", "ns2", "ns3", "ns4", "ntp", "org", "pop", "pop3", "portal", "prod",
    "proxy", "sftp", "smtp", "sso", "staging", "static", "svn", "test", "vpn", "web", "web1", "web2", "www",
))  # fmt: skip
"""Labels of host names that say what a host does."""
NEVER_NAMES = frozenset((
    "about", "accepted", "account", "accounts", "agent", "and", "are", "as", "at", "authentication", "by", "closed",
    "code", "connection", "cron", "data", "debug", "disconnect", "does", "error", "failed", "failure", "false",
    "for", "from", "get", "gid", "has", "http", "https", "illegal", "in", "info", "input", "interaction",
    "interface", "invalid", "is", "it", "kernel", "license", "login", "name", "names", "none", "not", "null", "of",
    "on", "opened", "opt", "pam_unix", "password", "pid", "port", "post", "preauth", "received", "session", "ssh",
    "ssh2", "sshd", "success", "sudo", "supplied", "system", "that", "the", "this", "to", "true", "tty", "uid",
    "unknown", "user", "users", "usr", "warning", "was", "with",
))  # fmt: skip
"""Words of logs that are not taken for a name even where a name is expected."""
_NETWORKS = tuple(
    ipaddress.ip_network(text)
    for text in (
        "0.0.0.0/32", "127.0.0.0/8", "255.255.255.255/32", "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24",
        "::/127", "2001:db8::/32",
    )
)  # fmt: skip
_NETMASKS = frozenset(str(ipaddress.ip_network((0, bits)).netmask) for bits in range(1, 33))
PROTECTED = re.compile(
    rf"\b(?:{either('cve', 'cwe', 'capec', 'technique', 'ghsa')}|RFC ?[0-9]+)\b"
    # Algorithms of SSH are named after who defined them.
    r"|[\w.-]{3,64}@(?:openssh\.com|libssh\.org|lysator\.liu\.se|ssh\.com|tinyssh\.org)\b"
    r"|\b\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d{1,9})?)?(?:Z| ?[+-]\d\d:?\d\d)?)?"
    r"|\b\d{1,2}/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}:\d\d:\d\d:\d\d(?: [+-]\d{4})?"
    r"|\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec) +\d{1,2} \d\d:\d\d:\d\d(?: \d{4})?"
    r"|(?<![\w:.])\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?![\w:])"
)
"""Identifiers of vulnerabilities, and times."""


class Allowed:
    """The allow-list, with what a user adds.

    Args:
        extra: names, domains, addresses or networks that stay.
    """

    def __init__(self, extra: tuple[str, ...] = ()) -> None:
        self.words = {word.lower() for word in extra}
        self.domains = DOMAINS + tuple(word.lower() for word in extra if "." in word)
        self.networks = list(_NETWORKS)
        for word in extra:
            try:
                self.networks.append(ipaddress.ip_network(word, strict=False))
            except ValueError:
                continue

    def account(self, name: str) -> bool:
        """Return whether the name of a user stays."""
        bare = name.lower().rstrip("$")
        return bare in ACCOUNTS or bare in self.words or bare in NEVER_NAMES or not any(c.isalpha() for c in bare)

    def host(self, name: str) -> bool:
        """Return whether the name of a host without a domain stays."""
        return name.lower() in HOSTS or name.lower() in self.words or name.lower() in NEVER_NAMES

    def mail(self, address: str) -> bool:
        """Return whether a mail address stays as a whole: one of documentation, or the user's own."""
        domain = address.lower().rpartition("@")[2]
        return address.lower() in self.words or any(f".{domain}".endswith(f".{name}") for name in _DOCUMENTED)

    def domain(self, name: str) -> bool:
        """Return whether a domain stays."""
        bare = name.lower().rstrip(".")
        return bare in HOSTS or any(bare == domain or bare.endswith(f".{domain}") for domain in self.domains)

    def address(self, value: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        """Return whether an address stays: loopback, unspecified, documentation, masks of networks, the user's own."""
        inside = any(value.version == network.version and value in network for network in self.networks)
        return inside or str(value) in _NETMASKS
