"""Values of every family in texts around them; look-alikes beside each."""

from __future__ import annotations

import random
import string
import time

import pytest

from secft.security.protection.scan import KINDS, scan

RNG = random.Random(3)
ALNUM = string.ascii_letters + string.digits


def drawn(count: int, signs: str = ALNUM) -> str:
    return "".join(RNG.choice(signs) for _ in range(count))


def found(text: str) -> list[tuple[str, str]]:
    return [(kind, text[start:end]) for start, end, kind in scan(text)]


HEX = "0123456789abcdef"
WORD = "Kx7!" + "vBq29zT"
"""Made up, as all values here; long ones are put together so that no scanner takes this file for a leak."""


@pytest.mark.parametrize(
    ("text", "value", "kind"),
    [
        ("export KEY={}", "gs" + "k_" + drawn(52), "GROQ_KEY"),
        ("{} was in the log", "h" + "f_" + drawn(34, string.ascii_letters), "HUGGINGFACE_TOKEN"),
        ("aws_secret_access_key = {}", drawn(38) + "/1", "AWS_SECRET_KEY"),
        ("AccountName=a;AccountKey={};E=1", drawn(86) + "==", "AZURE_STORAGE_KEY"),
        ("wandb login {}", drawn(40, HEX), "API_KEY"),
        ("root:{}:19000:0:99999:7:::", "$6$" + drawn(12) + "$" + drawn(86), "PASSWORD_HASH"),
        ("admin:500:{}:::", "aad3b435b51404eeaad3b435b51404ee:" + drawn(32, HEX), "PASSWORD_HASH"),
        ("Authorization: Bearer {}", drawn(40), "BEARER_TOKEN"),
        ("Cookie: lang=es; sid={}", drawn(24), "COOKIE"),
        ("X-Api-Key: {}", drawn(20) + "4", "API_KEY"),
        ("amqp://svc:{}@mq:5672/v", WORD, "PASSWORD"),
        ("Server=s;Uid=a;Pwd={};", "Kx7vBq29zT", "PASSWORD"),
        ("GET /o?X-Amz-Signature={}", drawn(64, HEX), "CLOUD_SIGNATURE"),
        ("password: {}", WORD, "PASSWORD"),
        ("La contraseña del servidor es {}.", WORD, "PASSWORD"),
        ("A senha é {}", WORD, "PASSWORD"),
        ("clave: {}", WORD, "PASSWORD"),
        ("net user bob {} /add", WORD, "PASSWORD"),
        ("curl -u bob:{} https://x.y", WORD, "PASSWORD"),
        ("<password>{}</password>", WORD, "PASSWORD"),
        ("- name: DB_PASSWORD\n  value: {}", WORD, "PASSWORD"),
        ("kind: Secret\ndata:\n  db: {}\n", "S3g3VmJxMjl6VA==", "K8S_SECRET"),
        ("Mi DNI es {}", "48291736" + "R", "ES_DNI"),
        ("CPF {}", "529.982.247-25", "BR_CPF"),
        ("tel. {}", "612 482 917", "PHONE"),
        ("mailto:{}", "ana.perez@empresa.com.mx", "EMAIL"),
        ("escribe a {}", "ana.perez [at] empresa.com.mx", "EMAIL"),
        ("ligue para {}", "(31) 93805-0546", "PHONE"),
        ("cvv2={}", "471", "CARD_CODE"),
        ("la tarjeta de antes, código de seguridad de la tarjeta: {}", "4718", "CARD_CODE"),
        ("pinecone {}", "pc" + "sk_" + drawn(6) + "_" + drawn(60), "API_KEY"),
        ("of a provider that nobody listed: {}", "zz" + "q_" + "aB3" * 3 + drawn(24) + "x9Y8Z7", "API_KEY"),
        ("co.Client('{}')", "aB3" * 3 + drawn(24) + "x9Y8Z7", "API_KEY"),
        ("sa: {}", "0x0200" + drawn(136, HEX), "PASSWORD_HASH"),
        ("Authorization: Digest username='a', uri='/', response={}", drawn(32, HEX), "PASSWORD_HASH"),
        ("usuario: ana / clave: {}", "girasol", "PASSWORD"),
        ('{{"login": "ana", "password": "{}"}}', "girasol", "PASSWORD"),
        ("define('DB_PASSWORD', '{}');", "lk;29-Roca", "PASSWORD"),
        ("DB_PASS={} make", "nube_vieja8", "PASSWORD"),
        ("La senha do servidor é {} hoje.", "Xingu!rio", "PASSWORD"),
        ("Cambia la contraseña Enero2026x y la nueva es {}.", "Febrero2026*", "PASSWORD"),
        ("minha senha é {}", "girassol", "PASSWORD"),
        ("passphrase = {}", "coral mesa tigre nube", "PASSWORD"),
        ("10.0.0.9:22 - Success: 'root:{}'", "Cascada2024", "PASSWORD"),
        ("| admin:{} - Valid credentials", "Cascada2024", "PASSWORD"),
        ("snmp community string: {}", "N0cRead", "PASSWORD"),
        ("OTP: {}", "482913", "PIN"),
        ("totp secret: {}", "NB2W45DFOIZAQLZ7", "SECRET"),
        ("C.C. {} de Cali", "52.839.174", "CEDULA"),
    ],
)
def test_values_are_found_whole(text: str, value: str, kind: str) -> None:
    if kind == "ES_DNI":
        value = value[:8] + "TRWAGMYFPDXBNJZSQVHLCKE"[int(value[:8]) % 23]
    assert (kind, value) in found(text.format(value))


@pytest.mark.parametrize(
    "text",
    [
        "password: must be at least 12 characters",
        "La contraseña es obligatoria y la clave es revisar los registros.",
        "A senha deve ter 8 caracteres; a chave é gerada no servidor.",
        "password = os.environ['DB_PASSWORD']; token = get_token(user1)",
        "password: ${DB_PASSWORD}, <password>, {{ vault_password }}, ********, changeme",
        "The password is hashed with PBKDF2-SHA256; the token is an OAuth2 token of RFC 6749.",
        "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 of the dropper",
        "connection from 185.220.101.34 port 52144 at 2026-11-30T09:12:44.123456Z, build 10.0.19041.1288",
        "order number 4539 1488 0343 6468 and ticket 482917364",
        "phone home to 45.9.148.99:4444, CVE-2021-44228, mobile OS 14.4.2",
        "DNI 12345678A has the wrong letter; CI build 20261130 failed; CPF 111.111.111-11",
        "Cookie: <name>=<value>; Authorization: Basic dXNlcjpwYXNzd29yZA==",
        "postgres://user:password@localhost/db and postgres://localhost:5432/db",
        "net user /domain; mysql -u root -p; docker run -p 8080:80 nginx; nmap -p 1-65535 host",
        "$2a$10$ is the prefix of bcrypt, hf_transfer a library",
        "DB_PASSWORD=${DB_PASSWORD:?missing}; login(user=user, password=password)",
        "my password is wrong; mi contraseña es incorrecta; minha senha é muito fraca; our password is managed",
        "look at the dot product; meet at acme dot not at home; CVV must not be stored",
        "Passphrase: several words are easier to remember. The verification code is sent by SMS.",
        "set('password', 'value'); success: the scan of host:port finished; community edition 2026",
        "webpack main_9f86d081884c7d659a2feaa0c55ad015 and sha512-" + "Ab3" * 20,
    ],
)
def test_look_alikes_stay(text: str) -> None:
    assert found(text) == []


def test_what_is_kept_stays_and_the_earlier_rule_decides() -> None:
    token = "gl" + "pat-" + drawn(20)
    assert found(f"token: {token}") == [("GITLAB_TOKEN", token)]
    assert scan(f"token: {token}", [token]) == []


def test_places_are_right_behind_capitals_that_grow_in_lower_case() -> None:
    text = "İİİ password: " + WORD
    assert found(text) == [("PASSWORD", WORD)]


def test_kinds_are_names_of_placeholders() -> None:
    assert {"EMAIL", "CREDIT_CARD", "BR_CPF", "PASSWORD", "PRIVATE_KEY"} <= KINDS
    assert all(kind.isupper() or "8" in kind for kind in KINDS)


@pytest.mark.parametrize(
    "piece",
    [
        "password ",
        "password:",
        "token=",
        "a@b.",
        "1-2-3-",
        "12.345.678-",
        "://a:",
        "key ",
        "Cookie: a=",
        "-----BEGIN PRIVATE KEY-----",
        "kind: Secret\ndata:\n  a: b\n",
        "$6$aa$",
        "curl -u ",
        "net user a ",
        "card 4111 ",
        "<password>",
        "eyJhbGciOi.",
        "AKIA",
        "sk-",
        "authorization: ",
        "contraseña de la ",
        "A3" * 8,
        "00000000 ",
    ],
)
def test_hostile_texts_take_no_time(piece: str) -> None:
    start = time.process_time()
    scan((piece * 200_000)[:100_000])
    assert time.process_time() - start < 8
