"""Texts that hold nothing to hide: indicators, identifiers, versions, examples, prose and settings about passwords."""

from __future__ import annotations

import random
import string
from collections.abc import Iterator

from scrubbing_set.keys import ALNUM, HEX, Maker, draw, uuid
from scrubbing_set.numbers import card, digits, grouped

Rng = random.Random

_DRAWN: dict[str, tuple[Maker, ...]] = {
    "digests": (
        lambda rng: f"MD5 {draw(rng, HEX, 32)} of dropper.exe",
        lambda rng: f"sha1={draw(rng, HEX, 40)} path=/tmp/.x",
        lambda rng: f"SHA-256: {draw(rng, HEX, 64)}",
        lambda rng: f"fixed in commit {draw(rng, HEX, 40)}",
        lambda rng: f"image: registry.k8s.io/pause@sha256:{draw(rng, HEX, 64)}",
        lambda rng: f"{draw(rng, HEX, 64)}  libfoo.so.1.{rng.randrange(9)}",
        lambda rng: f'"integrity": "sha512-{draw(rng, ALNUM, 86)}=="',
        lambda rng: f"imphash {draw(rng, HEX, 32)}, ssdeep 384:{draw(rng, ALNUM, 28)}:{draw(rng, ALNUM, 14)}",
        lambda rng: f"JA3 fingerprint: {draw(rng, HEX, 32)}",
        lambda rng: f'ETag: "{draw(rng, HEX, 32)}"',
        lambda rng: f"Subject Key Identifier: {':'.join(draw(rng, HEX.upper(), 2) for _ in range(20))}",
    ),
    "identifiers": (
        lambda rng: f"CVE-{rng.randrange(2009, 2027)}-{digits(rng, 5)} affects the parser (CVSS 9.8).",
        lambda rng: f"request_id={uuid(rng)} status=200",
        lambda rng: (
            f"GHSA-{'-'.join(draw(rng, '23456789cfghjmpqrvwx', 4) for _ in range(3))} and CWE-{rng.randrange(1, 1400)}"
        ),
        lambda rng: f"T1{digits(rng, 3)}.00{rng.randrange(1, 9)} was mapped to DS{digits(rng, 4)}",
        lambda rng: f"traceparent: 00-{draw(rng, HEX, 32)}-{draw(rng, HEX, 16)}-01",
        lambda rng: f"arn:aws:iam::{digits(rng, 12)}:role/Audit{rng.randrange(9)}",
        lambda rng: f"S-1-5-21-{digits(rng, 10)}-{digits(rng, 9)}-{digits(rng, 10)}-500",
        lambda rng: f"order number {grouped(_wrong(card(rng, 'visa')), ' ')}",
        lambda rng: f"pedido {_wrong(card(rng, 'mastercard'))} enviado",
        lambda rng: f"tracking {_wrong(card(rng, 'discover'))}",
        lambda rng: f"invoice INV-{digits(rng, 8)} of {rng.randrange(2015, 2027)}",
        lambda rng: f"KB{digits(rng, 7)} and MS{rng.randrange(10, 18)}-0{digits(rng, 2)}",
        lambda rng: f"instance i-0{draw(rng, HEX, 16)} in vpc-{draw(rng, HEX, 17)}",
        lambda rng: f"serial 0x{draw(rng, HEX.upper(), 32)}",
    ),
    "numbers": (
        lambda rng: (
            f"connection from {rng.randrange(1, 223)}.{rng.randrange(255)}.{rng.randrange(255)}.{rng.randrange(255)}"
            f" port {rng.randrange(1024, 65535)}"
        ),
        lambda rng: (
            f"version {rng.randrange(9)}.{rng.randrange(99)}.{rng.randrange(999)}.{rng.randrange(9999)} is affected"
        ),
        lambda rng: (
            f"epoch {rng.randrange(1_600_000_000, 1_800_000_000)} ms "
            f"{rng.randrange(1_600_000_000_000, 1_800_000_000_000)}"
        ),
        lambda rng: (
            f"20{rng.randrange(10, 27)}-{rng.randrange(1, 13):02}-{rng.randrange(1, 29):02}"
            f"T{rng.randrange(24):02}:{rng.randrange(60):02}:33.{digits(rng, 6)}+02:00 started"
        ),
        lambda rng: f"Windows 10.0.{rng.randrange(17000, 26000)}.{rng.randrange(100, 4000)} build",
        lambda rng: f"see RFC {rng.randrange(1000, 9700)}, section {rng.randrange(1, 9)}.{rng.randrange(1, 9)}",
        lambda rng: f"pid {digits(rng, 5)} uid {digits(rng, 4)} bytes {digits(rng, 9)} of {digits(rng, 11)}",
        lambda rng: f"at 0x{draw(rng, HEX, 16)} in ntdll.dll+0x{draw(rng, HEX, 5)}",
        lambda rng: f"ISBN 978-{rng.randrange(10)}-{digits(rng, 2)}-{digits(rng, 6)}-{rng.randrange(10)}",
        lambda rng: f"MAC {':'.join(draw(rng, HEX, 2) for _ in range(6))} seen",
        lambda rng: f"fe80::{draw(rng, HEX, 4)}:{draw(rng, HEX, 4)}:{draw(rng, HEX, 4)}:{draw(rng, HEX, 4)}",
        lambda rng: (
            f"{rng.randrange(100, 999)},{digits(rng, 3)},{digits(rng, 3)} records,"
            f" {rng.randrange(9)}.{digits(rng, 2)} %"
        ),
        lambda rng: f"range {digits(rng, 5)}-{digits(rng, 5)} and lines {rng.randrange(99)}-{rng.randrange(100, 999)}",
        lambda rng: (
            f"backup_{rng.randrange(2015, 2027)}{rng.randrange(1, 13):02}{rng.randrange(1, 29):02}"
            f"{rng.randrange(24):02}{rng.randrange(60):02}00.tar.gz"
        ),
    ),
}

_WRITTEN = {
    "example keys and addresses": """
aws_access_key_id = AKIAIOSFODNN7EXAMPLE
aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY
export GITHUB_TOKEN=ghp_xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx
OPENAI_API_KEY=sk-your-key-here
Authorization: Bearer <token>
Authorization: Basic <base64(user:password)>
Write to alice@example.com or bob@test.invalid.
Report it to security@apache.org, or to psirt@cisco.com.
git clone git@github.com:org/repo.git
postgres://user:password@localhost:5432/db
mysql://${DB_USER}:${DB_PASSWORD}@db/app
jdbc:postgresql://host/db?user=USER&password=PASSWORD
Test with card 4111 1111 1111 1111.
Call 555-0134 or +1 202 555 0143.
Cookie: name=value; name2=value2
Set-Cookie: <name>=<value>; Path=/; Secure
X-API-Key: YOUR_API_KEY
stripe.api_key = os.environ["STRIPE_KEY"]
slack_token = config.get("slack", "token")
npm i left-pad@1.3.0
module github.com/spf13/cobra@v1.8.0
The algorithm ssh-ed25519-cert-v01@openssh.com is offered.
ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABAQC7 host key fingerprint
-----BEGIN CERTIFICATE-----
-----BEGIN PRIVATE KEY-----
-----BEGIN PUBLIC KEY-----
hxxp://evil-update[.]com/gate.php and 45.9.148[.]99
eyJhbGciOi... is the start of a JSON web token
https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX
glpat-xxxxxxxxxxxxxxxxxxxx
DNI 12345678Z
CPF 123.456.789-09
""",
    "prose about passwords": """
The password must be at least 12 characters long.
password: must be at least 12 characters
Passwords are stored as bcrypt hashes with a cost of 12.
The password is hashed with PBKDF2-SHA256 and a salt.
The token is valid for 15 minutes.
Password policy is NIST SP 800-63B.
Reset the password within 24 hours.
The attacker guessed the password by brute force.
Use a password manager; never reuse a password.
The secret is stored in Vault.
secret: a value that only two parties know
An API key is required to call the endpoint.
The API token expires after 90 days.
The default password is not changed in many devices.
La contraseña debe tener al menos 12 caracteres.
La contraseña es obligatoria.
La contraseña es demasiado corta.
contraseña: mínimo ocho caracteres
La clave es revisar los registros cada día.
La clave primaria es un entero.
clave: identificador de la tabla
A senha deve ter pelo menos 8 caracteres.
A senha é armazenada com bcrypt.
senha: obrigatória
A chave é gerada no servidor.
A palavra-passe expira em 90 dias.
O token é inválido.
Pass the value to the function.
The check will pass if the token is present.
The key is rotated every 90 days.
Multi-factor authentication protects a stolen password.
CWE-798: the product contains hard-coded credentials, such as a password or cryptographic key.
CWE-521: the product does not require that users should have strong passwords.
Adversaries may use brute force to guess passwords (T1110.001).
Adversaries may steal application access tokens (T1528).
An attacker who reads /etc/shadow can crack the password hashes offline.
The password field is masked.
Basic authentication sends credentials in clear.
The bearer token authenticates the user.
The session cookie lacks the Secure attribute.
The pin is entered on the keypad.
Enter the password: the prompt does not echo.
Change the password to a random value of 20 characters.
password is SHA-256 hashed; the passphrase is AES-256 encrypted.
The number of password attempts is 5.
The secret to success is logging.
Use OAuth2 tokens instead of passwords.
Do not log authorization headers or cookies.
The credentials are rotated by the platform.
Este campo guarda la contraseña cifrada.
""",
    "settings and code": """
password: ${DB_PASSWORD}
password: <password>
password: {{ vault_db_password }}
password: "********"
PASSWORD=changeme
password = os.environ["DB_PASSWORD"]
password = getpass.getpass()
password = request.form['password']
password = args.password
const token = process.env.TOKEN;
token = generate_token(user)
api_key: str = Field(..., min_length=32)
secretKeyRef: {name: db, key: password}
secretName: wildcard-tls-2
"password": {"type": "string", "minLength": 8}
"token_type": "bearer"
password_min_length = 12
password_hash_algorithm: argon2id
passwordFile: /run/secrets/db_password
TOKEN_FILE=/var/run/secrets/token
private_key = "/etc/ssl/private/server.key"
key: value
secret: ENC[AES256_GCM,data:abcd,iv:efgh]
password_policy: strict
$password = Read-Host -AsSecureString
if password == "": raise ValueError
def check_password(password: str) -> bool:
String password = null;
char *password = NULL;
input type="password" name="password" id="password"
PasswordAuthentication no
PermitRootLogin prohibit-password
mysql -u root -p
curl -u user:password https://host/
docker login -u USER -p PASSWORD
--password PASSWORD    the password of the account
net user guest /active:no
passwd: password updated successfully
pam_unix(sshd:auth): authentication failure; logname= uid=0
Failed password for invalid user admin from 203.0.113.9 port 52144 ssh2
Accepted publickey for deploy from 198.51.100.7 port 40022 ssh2: RSA SHA256:nThbg6kXUpJWGl7E1IGOCspRomTxdCARLviKw6E5SY8
ASVS 2.1.1: verify that passwords are at least 12 characters
minimum_password_length: 14
max_password_age = 90 days
credential_type: oauth2
auth: basic
token: string
access_token: required
client_secret: optional
api key: see section 4.2
arn:aws:secretsmanager:eu-west-1:123456789012:secret:db-prod
vault:secret/data/app#password
Basic xyz
sk-fading-circle sk-circle1 css classes
hf_transfer is a Rust library
""",
}


def _wrong(number: str) -> str:
    return number[:-1] + str((int(number[-1]) + 1) % 10)


def look_alikes(seed: int) -> Iterator[tuple[str, str]]:
    """Yield (row of the table, text); the same for the same seed."""
    rng = random.Random(seed)
    for group, makers in _DRAWN.items():
        for make in makers:
            for _ in range(6):
                yield group, make(rng)
    for group, text in _WRITTEN.items():
        for line in text.strip().splitlines():
            yield group, line
    for name in ("alpha", "beta", "gamma", "delta"):
        yield "settings and code", f"{name}_password = get_secret('{name}')  # {draw(rng, string.ascii_lowercase, 5)}"
