"""Planted secrets in texts of the kinds that security teams have: logs, tickets, settings, code, tools, chats."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator
from dataclasses import dataclass

from scrubbing_set.keys import ALNUM, BESIDE, TOKENS, Maker, draw
from scrubbing_set.numbers import CARDS, IDENTIFIERS, card, digits, grouped, iban

Rng = random.Random


@dataclass(frozen=True)
class Planted:
    """One secret in a text.

    Attributes:
        group: row of the table.
        type: what it is.
        text: what is scrubbed.
        value: what must not stand in the result.
    """

    group: str
    type: str
    text: str
    value: str


_TOKEN_TEXTS = (
    "2026-11-30T09:12:44Z WARN ci[312]: env dump: TOKEN={} CI=true",
    "The analyst found {} in the commit history and opened a ticket.",
    "export API_TOKEN={}",
    "config:\n  auth:\n    token: {}\n    retries: 3",
    'client = Client("{}", timeout=30)',
    '{{"finding": "hardcoded credential", "match": "{}", "line": 42}}',
    "user: me he encontrado esto en el repositorio: {} ¿lo revoco?",
    "O colaborador colou {} no canal público.",
    "$ grep -r . .env\n.env:2:{}",
    "<td>{}</td><td>high</td>",
)
_ID_TEXTS = (
    "Ticket 4821: el cliente con {word} {value} no puede entrar.",
    "{word}: {value}",
    "Nombre: Lucía Prado; {word} n.º {value}; ciudad: Quito",
    "O titular, portador do {word} {value}, pediu a exclusão dos dados.",
    "The leaked row shows {word} {value} and an address.",
    '{{"{word}": "{value}", "estado": "activo"}}',
    "INFO crm: lookup {word}={value} took 12 ms",
)
_CARD_TEXTS = (
    "Charged card {} at 10:22.",
    "pan={} exp=11/29",
    "La tarjeta {} fue rechazada.",
    "O cartão {} foi clonado.",
    '{{"card_number": "{}", "amount": 12.5}}',
    "DEBUG payment: number {} accepted",
)
_PASSWORD_TEXTS = (
    "password: {}",
    "PASSWORD={}",
    "db_password = '{}'",
    '"password": "{}"',
    "  pass: {}",
    "pwd={};",
    "The password is {}.",
    "La contraseña es {}",
    "contraseña: {}",
    "clave: {}",
    "A senha é {}",
    "senha: {}",
    "palavra-passe: {}",
    "passphrase={}",
    "The password for the backup account is {} until Friday.",
    "La contraseña del servidor de pagos es {} y caduca mañana.",
    "A senha do banco de dados é {}, não compartilhe.",
    "We changed the password to {}.",
    "net user svc_web {} /add",
    "curl -u admin:{} https://10.0.0.5/api",
    "mysql -u root -p{} crm",
    "sshpass -p {} ssh root@10.0.0.8",
    "mytool --password {} --host db",
    "mytool --password={}",
    "<password>{}</password>",
    '<add key="DbPassword" value="{}"/>',
    "- name: DB_PASSWORD\n  value: {}",
    '$env:ADMIN_PASSWORD = "{}"',
    "[22][ssh] host: 10.0.0.7   login: root   password: {}",
    "ALTER USER app IDENTIFIED BY '{}';",
    "user admin, password {}",
    "usuario admin, contraseña {}",
    "smbclient //fs01/c$ -U admin%{}",
    "spring.datasource.password={}",
    "ftp> USER bob\nPASS {}",
    "machine api.corp login bot password {}",
    "Credenciales: admin / {}",
    "redis-cli -h cache -a {} ping",
    'the wifi password is "{}"',
    "SMTP_PASS: {}",
    'String pwd = "{}";',
    "passwd => '{}',",
)
_PASSWORDS: tuple[Maker, ...] = (
    lambda rng: (
        rng.choice(["Verano", "Invierno", "Winter", "Summer", "Outono", "Madrid", "Lisboa"])
        + str(rng.randrange(2019, 2027))
        + rng.choice("!#$*")
    ),
    lambda rng: draw(rng, ALNUM, 9) + rng.choice("!@#%") + str(rng.randrange(10)),
    lambda rng: rng.choice(["dragon", "tigre", "gato", "river"]) + str(rng.randrange(100, 9999)),
    lambda rng: (
        rng.choice(["M1", "Tr0", "B4", "K3y"])
        + rng.choice(["cl4ve", "ub4dor", "nc0", "stone"])
        + rng.choice("!*+")
        + str(rng.randrange(99))
    ),
    lambda rng: draw(rng, string.ascii_letters, 6) + rng.choice("$!+") + draw(rng, string.digits, 3),
)
_PHONES = (
    "+34 6{0}{1} {2}{3}{4} {5}{6}{7}",
    "+34 9{0}{1} {2}{3} {4}{5} {6}{7}",
    "+3519{0}{1}{2}{3}{4}{5}{6}{7}",
    "+55 11 9{0}{1}{2}{3}-{4}{5}{6}{7}",
    "+55 (21) 9{0}{1}{2}{3}-{4}{5}{6}{7}",
    "+52 55 {0}{1}{2}{3} {4}{5}{6}{7}",
    "+54 9 11 {0}{1}{2}{3}-{4}{5}{6}{7}",
    "+56 9 {0}{1}{2}{3} {4}{5}{6}{7}",
    "+57 3{0}{1} {2}{3}{4} {5}{6}{7}{8}",
    "+51 9{0}{1} {2}{3}{4} {5}{6}{7}",
    "+1 (305) {0}{1}{2}-{3}{4}{5}{6}",
    "+44 20 7{0}{1}{2} {3}{4}{5}{6}",
    "0034 6{0}{1} {2}{3}{4} {5}{6}{7}",
)
_NATIONAL_PHONES = (
    "6{0}{1} {2}{3}{4} {5}{6}{7}",
    "6{0}{1}{2}{3}{4}{5}{6}{7}",
    "(11) 9{0}{1}{2}{3}-{4}{5}{6}{7}",
    "55 {0}{1}{2}{3} {4}{5}{6}{7}",
    "9{0}{1} {2}{3}{4} {5}{6}{7}",
)
_PHONE_TEXTS = (
    "Llámame al teléfono {} por la tarde.",
    "tel: {}",
    "Telefone: {}",
    "móvil {}",
    "phone={} verified",
    "WhatsApp {}",
    "celular: {}",
)
_MAILS = ("{}.{}@", "{}_{}@", "{}{}@", "{}-{}@")
_NAMES = (
    ("lucia", "ramos"),
    ("joao", "ferreira"),
    ("marta", "quiroga"),
    ("tiago", "lopes"),
    ("ines", "valdes"),
    ("peter", "holloway"),
)
_DOMAINS = (
    "gmail.com",
    "bancosur.com.ar",
    "contoso-labs.com",
    "uol.com.br",
    "sapo.pt",
    "ministerio.gob.mx",
    "hospital-norte.es",
    "outlook.com",
)
_MAIL_TEXTS = (
    "Escribir a {}.",
    "mailto:{}",
    "From: {}",
    "user={} action=login",
    '"email": "{}"',
    "({}) wrote:",
    "<{}>",
    "Contactar {} ou o suporte",
)


def planted(seed: int) -> Iterator[Planted]:
    """Yield all planted secrets; the same for the same seed."""
    rng = random.Random(seed)
    for make in (_keys, _identifiers, _cards, _accounts, _passwords, _contacts):
        yield from make(rng)


def _keys(rng: Rng) -> Iterator[Planted]:
    for number, (name, make) in enumerate(TOKENS.items()):
        for turn in range(2):
            value, text = make(rng), _TOKEN_TEXTS[(2 * number + turn) % len(_TOKEN_TEXTS)]
            yield Planted("keys and hashes", name, text.format(value), value)
    for name, (text, make) in BESIDE.items():
        value = make(rng)
        yield Planted("beside a name, headers, strings", name, text.format(value), value)


def _identifiers(rng: Rng) -> Iterator[Planted]:
    for number, (name, (make, word)) in enumerate(IDENTIFIERS.items()):
        for turn in range(2):
            value, text = make(rng), _ID_TEXTS[(number + 3 * turn) % len(_ID_TEXTS)]
            yield Planted("national identifiers", name, text.format(word=word, value=value), value)


def _cards(rng: Rng) -> Iterator[Planted]:
    for number, network in enumerate(CARDS):
        for turn, mark in enumerate(("", " ", "-")):
            plain = card(rng, network)
            value = grouped(plain, mark) if mark and len(plain) in (15, 16) else plain
            yield Planted("cards", network, _CARD_TEXTS[(number + turn) % len(_CARD_TEXTS)].format(value), value)


def _accounts(rng: Rng) -> Iterator[Planted]:
    for country, length in (("ES", 24), ("PT", 25), ("DE", 22), ("CR", 22), ("AE", 23)):
        value = iban(rng, country, length)
        spaced = " ".join(value[start : start + 4] for start in range(0, length, 4))
        yield Planted("IBAN", country, f"Transferir a {value} antes del lunes.", value)
        yield Planted("IBAN", country, f"IBAN: {spaced} BIC CAIXESBB", spaced)


def _passwords(rng: Rng) -> Iterator[Planted]:
    for text in _PASSWORD_TEXTS:
        for make in rng.sample(_PASSWORDS, 2):
            value = make(rng)
            yield Planted("passwords", text.format("..."), text.format(value), value)


def _contacts(rng: Rng) -> Iterator[Planted]:
    for forms, group in ((_PHONES, "phones, international"), (_NATIONAL_PHONES, "phones, national")):
        for number, form in enumerate(forms):
            value = form.format(*digits(rng, 9))
            yield Planted(group, form[:3], _PHONE_TEXTS[number % len(_PHONE_TEXTS)].format(value), value)
    for number, text in enumerate(_MAIL_TEXTS * 2):
        value = rng.choice(_MAILS).format(*_NAMES[number % len(_NAMES)]) + _DOMAINS[number % len(_DOMAINS)]
        yield Planted("mail", "address", text.format(value), value)
