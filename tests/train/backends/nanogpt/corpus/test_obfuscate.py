"""Obfuscation: consistent, without survivors, structure kept; tried on made-up logs and on real reports."""

from __future__ import annotations

import ipaddress
import itertools
import random
import re
from pathlib import Path

import pytest

from secft.errors import InputError
from secft.train.backends.nanogpt.corpus.obfuscate import Obfuscator
from secft.train.backends.nanogpt.corpus.pseudonyms import Pseudonyms, key_file, new_key

KEY = bytes(range(32))
PRIVATE = [ipaddress.ip_network(text) for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "fc00::/7")]
LOG = r"""Jan 10 10:11:12 gate sshd[4321]: Failed password for invalid user alice from 10.1.2.3 port 4242 ssh2
Jan 10 10:11:12 gate sshd[4321]: Accepted publickey for bob from 8.8.8.8 port 22 ssh2
Jan 10 10:11:13 gate sudo:   bob : TTY=pts/0 ; PWD=/home/bob ; USER=root ; COMMAND=/usr/bin/less /var/log/auth.log
Jan 10 10:11:13 gate kernel: MAC=00:11:22:33:44:55:66:77:88:99:aa:bb:08:00 SRC=fe80::1 DST=2607:f8b0:4005:805::200e
uid=1001(bob) gid=1001(bob) groups=1001(bob),27(sudo)
192.168.1.5 - frank [10/Oct/2000:13:55:36 -0700] "GET /a.php?PHPSESSID=abcdef123456 HTTP/1.0" 200 2326
CORP\jsmith opened \\FILESRV01\share from ws-0042.acme-corp.com CVE-2021-44228 nginx/1.18.0 java.lang.String
token=ghp_abcdefghijklmnopqrstuvwxyz0123456789 id 550e8400-e29b-41d4-a716-446655440000 127.0.0.1 localhost
md5 d41d8cd98f00b204e9800998ecf8427e S-1-5-21-1111-2222-3333-1104 account_id: 595918472158 epoch 1463421419
alice asked for FILESRV01/alice.doc; mail jane.doe@acme-corp.com, root@gate.acme-corp.com, someone@example.com
"""
GONE = (
    "alice", "bob", "frank", "jsmith", "jane.doe", "gate", "FILESRV01", "ws-0042", "acme-corp", "10.1.2.3",
    "8.8.8.8", "fe80::1", "2607:f8b0", "192.168.1.5", "00:11:22:33:44:55", "66:77:88:99:aa:bb", "abcdef123456",
    "ghp_abc", "550e8400", "d41d8cd9", "1111-2222", "595918472158", "1001", "CORP",
)  # fmt: skip
KEPT = (
    "Jan 10 10:11:12", "sshd[4321]", "port 4242 ssh2", "PWD=/home/", "USER=root", "/var/log/auth.log",
    "27(sudo)", "CVE-2021-44228", "nginx/1.18.0", "java.lang.String", "127.0.0.1", "localhost",
    "[10/Oct/2000:13:55:36 -0700]", "ghp_", "S-1-5-21-", "epoch 1463421419", "root@", "someone@example.com",
    "/a.php?PHPSESSID=", " 200 2326", ".doc", ":08:00",
)  # fmt: skip


def test_what_identifies_is_gone_and_the_rest_stays() -> None:
    obfuscator = Obfuscator(KEY)
    text = obfuscator.text(LOG)
    assert [word for word in GONE if re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![0-9])", text)] == []
    assert [word for word in KEPT if word not in text] == []
    expected = {"ipv4", "ipv6", "mac", "host", "domain", "email", "user", "secret", "hash", "uuid", "id"}
    assert expected <= set(obfuscator.report)


@pytest.mark.parametrize(
    ("line", "gone", "kept"),
    [
        ("for outside:93.184.216.34/443 (93.184.216.34/51234)", "93.184.216.34", "/443"),
        ("range 10.20.30.40-10.20.30.99 and _10.20.30.40_", "10.20.30.", "range "),
        ("inet6 addr:fe80::1ff:fe23:4567:890a/64 [2a02:8071::1]:443", "fe80::1ff 2a02:8071::1", "]:443"),
        (
            "<34>1 2003-10-11T22:14:15.003Z fw.acme.de su - ID47 - 'su root' failed for lonvick on /dev/pts/8",
            "lonvick acme",
            "fw.",
        ),
        (
            '{"TargetUserName":"peter.p","TargetDomainName":"ACME","WorkstationName":"WS-7"}',
            "peter ACME WS-7",
            "WorkstationName",
        ),
        ("DHCPACK on 10.1.1.77 to aa:bb:cc:dd:ee:ff (Annas-iPhone) via eth1", "Annas aa:bb", "via eth1"),
        ('op=login acct="maria" exe="/usr/sbin/sshd" auid=1000', "maria 1000", "/usr/sbin/sshd"),
        (
            "to=<anna@kunde.de>, relay=mail.kunde.de[81.169.145.97]:25, status=sent",
            "anna kunde 81.169",
            "mail. :25 status=sent",
        ),
        ("GET https://karl:hunter22@db-3.acme.de/x?user=karl", "karl hunter22 db-3 acme", "https:// /x?user="),
        (
            "Chrome/86.0.4240.111 version 4.18.0.80 oid 1.3.6.1.4.1 at 12:34:56",
            "x x",
            "86.0.4240.111 4.18.0.80 1.3.6.1.4.1",
        ),
    ],
)
def test_logs_of_many_programs(line: str, gone: str, kept: str) -> None:
    text = Obfuscator(KEY).text(line + "\n")
    assert [word for word in gone.split() if re.search(rf"(?<![a-z0-9]){re.escape(word)}", text)] in ([], ["x", "x"])
    assert [word for word in kept.split() if word not in text] == []


def test_one_value_has_one_pseudonym_wherever_it_stands() -> None:
    text = Obfuscator(KEY).text(LOG)
    bob = re.search(r"publickey for (\S+) from", text)
    assert bob
    assert text.count(bob[1]) == 6
    gate = re.search(r"10:11:12 (\S+) sshd", text)
    assert gate
    assert text.count(gate[1]) == 5  # four headers and the mail address
    assert len(set(re.findall(r"dom-\w{12}\.com", text))) == 1


def test_another_key_gives_other_pseudonyms_and_the_same_key_the_same() -> None:
    assert Obfuscator(KEY).text(LOG) == Obfuscator(KEY).text(LOG)
    one, other = Obfuscator(KEY).text(LOG), Obfuscator(new_key()).text(LOG)
    names = re.compile(r"(?:user|host|dom)-[a-z2-7]{12}")
    assert not set(names.findall(one)) & set(names.findall(other))


def test_the_order_of_lines_does_not_count() -> None:
    lines = LOG.splitlines(keepends=True)
    straight = Obfuscator(KEY).text(LOG).splitlines(keepends=True)
    assert Obfuscator(KEY).text("".join(reversed(lines))).splitlines(keepends=True) == straight[::-1]


def test_a_second_pass_changes_addresses_and_numbers_only() -> None:
    once = Obfuscator(KEY).text(LOG)
    again = Obfuscator(KEY)
    again.text(once)
    assert set(again.report) <= {"ipv4", "ipv6", "mac", "id"}
    plain = "user=alice host=gate-7 mail jane@acme-corp.com token=abcdefgh12345678 " + "ab12" * 10 + "\n"
    single = Obfuscator(KEY).text(plain)
    assert single != plain
    assert Obfuscator(KEY).text(single) == single


@pytest.mark.parametrize("version", [4, 6])
def test_addresses_keep_their_common_prefixes_and_their_class(version: int) -> None:
    names, draw = Pseudonyms(KEY), random.Random(version)
    width, make = (32, ipaddress.IPv4Address) if version == 4 else (128, ipaddress.IPv6Address)
    numbers = [draw.getrandbits(width) for _ in range(40)]
    numbers += [number ^ (1 << draw.randrange(width // 2)) for number in numbers]
    numbers += [int(network[9]) for network in PRIVATE if network.version == version]
    originals = [make(number) for number in numbers]
    new = [ipaddress.ip_address(names.address(address)) for address in originals]
    for (a, x), (b, y) in itertools.combinations(zip(originals, new, strict=True), 2):
        assert (int(a) ^ int(b)).bit_length() == (int(x) ^ int(y)).bit_length()
    for before, after in zip(originals, new, strict=True):
        assert before != after
        assert [before in n for n in PRIVATE if n.version == version] == [
            after in n for n in PRIVATE if n.version == version
        ]
        assert before.is_multicast == after.is_multicast


def test_networks_stay_networks() -> None:
    text = Obfuscator(KEY).text("route 10.20.30.0/24 via 10.20.30.1 mask 255.255.255.0; 10.20.30.77\n")
    network, gateway, host = re.findall(r"10(?:\.\d+){3}(?:/24)?", text)
    assert network.endswith(".0/24")
    assert ipaddress.ip_address(gateway) in ipaddress.ip_network(network)
    assert ipaddress.ip_address(host) in ipaddress.ip_network(network)
    assert "255.255.255.0" in text
    assert network != "10.20.30.0/24"


def test_forms_are_kept() -> None:
    names = Pseudonyms(KEY)
    for mac in ("00:1B:44:11:3A:B7", "00-1b-44-11-3a-b7", "001b.4411.3ab7"):
        assert re.sub("[0-9a-fA-F]", "x", names.mac(mac)) == re.sub("[0-9a-fA-F]", "x", mac)
    assert names.mac("00:1B:44:11:3A:B7").lower() == names.mac("00:1b:44:11:3a:b7")
    assert names.mac("00:1b:44:11:3a:b7")[:8] == names.mac("00:1b:44:99:99:99")[:8]
    identity = names.uuid("550e8400-e29b-41d4-a716-446655440000")
    assert (identity[14], identity[19]) == ("4", "a")
    assert [len(names.hexadecimal("ab" * size)) for size in (16, 20, 32, 64, 200)] == [32, 40, 64, 128, 400]
    assert len(names.digits("id", "595918472158")) == 12
    assert [len(names.token("x" * size)) for size in (5, 9, 40, 900)] == [8, 16, 40, 64]


def test_a_user_extends_the_allow_list() -> None:
    line = "user=alice host=gate-7 see wiki.acme-corp.com at 10.1.2.3 and 10.9.9.9\n"
    obfuscator = Obfuscator(KEY, allow=("alice", "gate-7", "acme-corp.com", "10.1.0.0/16"))
    text = obfuscator.text(line)
    assert text.startswith("user=alice host=gate-7 see wiki.acme-corp.com at 10.1.2.3 and 10.")
    assert "10.9.9.9" not in text


def test_a_key_is_kept_away_from_the_data(tmp_path: Path) -> None:
    place = tmp_path / "keys" / "logs.key"
    key = key_file(place, tmp_path / "data")
    assert key_file(place, tmp_path / "data") == key
    assert place.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InputError, match="undo the obfuscation"):
        key_file(tmp_path / "data" / "nanogpt" / "logs.key", tmp_path / "data")
    place.write_text("too short")
    with pytest.raises(InputError, match="64 hexadecimal"):
        key_file(place, tmp_path / "data")


def test_a_line_of_any_kind_takes_bounded_time() -> None:
    obfuscator = Obfuscator(KEY)
    for piece in ("a.", "1.", "a:", "a@", "user=", "\\", "A-", "//", "0", "=", " "):
        text = piece * (20_000 // len(piece)) + "\n"
        assert 0 < len(obfuscator.text(text)) < 4 * len(text), piece


def addresses(text: str) -> set[str]:
    """Addresses of machines, found in another way than the package finds them."""
    found = set()
    for word in (part.strip(".") for part in re.split(r"[^0-9.]+", text)):
        if word.count(".") == 3:
            try:
                address = ipaddress.IPv4Address(word)
            except ValueError:
                continue
            if address.is_global and int(address) >> 24 > 9:
                found.add(word)
    return found


def mails(text: str) -> set[str]:
    return {word.lower() for word in re.findall(r"[A-Za-z0-9.]+@[A-Za-z0-9-]+\.(?:com|org|net|de)\b", text)}


@pytest.mark.slow
def test_nothing_survives_in_real_reports(shared_data: Path) -> None:
    paths = sorted((shared_data / "tool-reports").iterdir())
    texts = [path.read_text(encoding="utf-8", errors="replace") for path in paths]
    obfuscator = Obfuscator(KEY)
    for text in texts:
        obfuscator.learn_all(text.splitlines(keepends=True))
    cleaned = ["".join(obfuscator.line(line) for line in text.splitlines(keepends=True)) for text in texts]
    everything, result = "\n".join(texts), "\n".join(cleaned)
    machines = addresses(everything)
    assert len(machines) > 10
    assert not machines & addresses(result)
    people = {mail for mail in mails(everything) if not mail.endswith(("example.com", "openssh.com", "libssh.org"))}
    assert len(people) > 5
    assert not people & mails(result)
    for name in ("joaquinlp", "mocha2005", "mochahost", "joaquin", "dxa4481", "AKIAYVP4CIPPERUVIFXG"):
        assert name in everything
        assert name not in result
    assert set(re.findall(r"CVE-\d{4}-\d+", everything)) == set(re.findall(r"CVE-\d{4}-\d+", result))
    assert everything.count("\n") == result.count("\n")
