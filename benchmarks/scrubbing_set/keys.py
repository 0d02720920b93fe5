"""Keys, tokens, hashes and headers, drawn by the forms that the providers document; prefixes are put together here."""

from __future__ import annotations

import base64
import random
import string
from collections.abc import Callable

Rng = random.Random
LETTERS, ALNUM = string.ascii_letters, string.ascii_letters + string.digits
HEX, LOWER, UPPER, URL = (
    "0123456789abcdef",
    string.ascii_lowercase + string.digits,
    string.ascii_uppercase + string.digits,
    ALNUM + "-_",
)
B64, CRYPT = ALNUM + "+/", ALNUM + "./"


def draw(rng: Rng, signs: str, count: int) -> str:
    """Return so many characters of some."""
    return "".join(rng.choice(signs) for _ in range(count))


def uuid(rng: Rng) -> str:
    """Return a value of the form of a UUID."""
    return "-".join(draw(rng, HEX, count) for count in (8, 4, 4, 4, 12))


def _b64(rng: Rng, count: int) -> str:
    return base64.b64encode(rng.randbytes(count)).decode()


def _url64(text: bytes) -> str:
    return base64.urlsafe_b64encode(text).decode().rstrip("=")


def jwt(rng: Rng) -> str:
    """Return a JSON web token with a drawn signature."""
    head = _url64(b'{"alg":"RS256","kid":"' + draw(rng, HEX, 8).encode() + b'"}')
    body = _url64(
        b'{"sub":"' + draw(rng, string.digits, 9).encode() + b'","iss":"https://login.bank.net","exp":1893456000}'
    )
    return f"{head}.{body}.{_url64(rng.randbytes(64))}"


def pem(rng: Rng, name: str, line: str = "\n") -> str:
    """Return a block of a private key."""
    body = _b64(rng, 600)
    rows = [body[start : start + 64] for start in range(0, len(body), 64)]
    return line.join([f"-----BEGIN {name}" + "-----", *rows, f"-----END {name}" + "-----"])


Maker = Callable[[Rng], str]

# Type -> how it is drawn. A prefix is split so that no scanner takes this file for a leak.
TOKENS: dict[str, Maker] = {
    "AWS access key": lambda rng: "AK" + "IA" + draw(rng, string.ascii_uppercase + "234567", 16),
    "Google API key": lambda rng: "AI" + "za" + draw(rng, URL, 34) + rng.choice(ALNUM),
    "Google OAuth secret": lambda rng: "GOC" + "SPX-" + draw(rng, ALNUM, 28),
    "Azure client secret": lambda rng: draw(rng, ALNUM, 3) + "8" + "Q~" + draw(rng, ALNUM + "_.-~", 33) + "a",
    "GitHub ghp": lambda rng: "gh" + "p_" + draw(rng, ALNUM, 36),
    "GitHub gho": lambda rng: "gh" + "o_" + draw(rng, ALNUM, 36),
    "GitHub ghs": lambda rng: "gh" + "s_" + draw(rng, ALNUM, 36),
    "GitHub fine-grained": lambda rng: "github" + "_pat_" + draw(rng, ALNUM, 22) + "_" + draw(rng, ALNUM, 59),
    "GitLab": lambda rng: "gl" + "pat-" + draw(rng, ALNUM, 20),
    "GitLab runner": lambda rng: "gl" + "rt-" + draw(rng, ALNUM, 20),
    "Slack bot": lambda rng: (
        f"xo{'xb'}-{draw(rng, string.digits, 12)}-{draw(rng, string.digits, 13)}-{draw(rng, ALNUM, 24)}"
    ),
    "Slack app": lambda rng: f"xa{'pp'}-1-A{draw(rng, UPPER, 10)}-{draw(rng, string.digits, 13)}-{draw(rng, HEX, 64)}",
    "Discord bot": lambda rng: "M" + draw(rng, ALNUM, 25) + "." + draw(rng, ALNUM, 6) + "." + draw(rng, ALNUM, 38),
    "Telegram bot": lambda rng: draw(rng, "123456789", 10) + ":AA" + draw(rng, ALNUM, 33),
    "Hugging Face": lambda rng: "h" + "f_" + draw(rng, LETTERS, 34),
    "OpenAI legacy": lambda rng: "s" + "k-" + draw(rng, ALNUM, 20) + "T3BlbkFJ" + draw(rng, ALNUM, 20),
    "OpenAI project": lambda rng: "s" + "k-proj-" + draw(rng, URL, 74) + "T3BlbkFJ" + draw(rng, ALNUM, 74),
    "OpenAI service account": lambda rng: "s" + "k-svcacct-" + draw(rng, ALNUM, 58),
    "Anthropic": lambda rng: "s" + "k-ant-api03-" + draw(rng, URL, 93) + "AA",
    "Groq": lambda rng: "gs" + "k_" + draw(rng, ALNUM, 52),
    "Replicate": lambda rng: "r" + "8_" + draw(rng, ALNUM, 37),
    "Stripe secret": lambda rng: "sk" + "_live_" + draw(rng, ALNUM, 24),
    "Stripe restricted": lambda rng: "rk" + "_live_" + draw(rng, ALNUM, 99),
    "Stripe webhook": lambda rng: "wh" + "sec_" + draw(rng, ALNUM, 32),
    "Twilio": lambda rng: "S" + "K" + draw(rng, HEX, 32),
    "SendGrid": lambda rng: "S" + "G." + draw(rng, ALNUM, 22) + "." + draw(rng, ALNUM, 43),
    "Mailgun": lambda rng: "ke" + "y-" + draw(rng, HEX, 32),
    "Mailchimp": lambda rng: draw(rng, HEX, 32) + "-us" + "17",
    "npm": lambda rng: "np" + "m_" + draw(rng, ALNUM, 36),
    "PyPI": lambda rng: "py" + "pi-AgEIcHlwaS5vcmc" + draw(rng, ALNUM, 120),
    "RubyGems": lambda rng: "ruby" + "gems_" + draw(rng, HEX, 48),
    "Docker": lambda rng: "dc" + "kr_pat_" + draw(rng, ALNUM, 27),
    "DigitalOcean": lambda rng: "do" + "p_v1_" + draw(rng, HEX, 64),
    "Heroku": lambda rng: "HR" + "KU-AA" + draw(rng, URL, 57) + "x",
    "New Relic": lambda rng: "NR" + "AK-" + draw(rng, UPPER, 27),
    "Grafana": lambda rng: "gl" + "sa_" + draw(rng, ALNUM, 32) + "_" + draw(rng, HEX, 8),
    "Sentry": lambda rng: "sntr" + "yu_" + draw(rng, HEX, 64),
    "Shopify": lambda rng: "shp" + "at_" + draw(rng, HEX, 32),
    "Square": lambda rng: "sq" + "0atp-" + draw(rng, ALNUM, 22),
    "PayPal": lambda rng: "access_" + "token$production$" + draw(rng, LOWER, 16) + "$" + draw(rng, HEX, 32),
    "Atlassian": lambda rng: "ATA" + "TT3xFfGF0" + draw(rng, URL, 170) + "=" + draw(rng, HEX.upper(), 8),
    "Notion": lambda rng: "nt" + "n_" + draw(rng, ALNUM, 46),
    "Linear": lambda rng: "lin" + "_api_" + draw(rng, ALNUM, 40),
    "Figma": lambda rng: "fi" + "gd_" + draw(rng, ALNUM, 40),
    "Postman": lambda rng: "PM" + "AK-" + draw(rng, HEX, 24) + "-" + draw(rng, HEX, 34),
    "Terraform": lambda rng: draw(rng, ALNUM, 14) + ".atl" + "asv1." + draw(rng, ALNUM, 67),
    "Vault": lambda rng: "hv" + "s." + draw(rng, ALNUM, 90),
    "Databricks": lambda rng: "da" + "pi" + draw(rng, HEX, 32),
    "Supabase": lambda rng: "sb" + "p_" + draw(rng, HEX, 40),
    "Doppler": lambda rng: "dp" + ".pt." + draw(rng, ALNUM, 43),
    "JWT": jwt,
    "bcrypt": lambda rng: "$2b$12$" + draw(rng, CRYPT, 53),
    "sha512crypt": lambda rng: "$6$" + draw(rng, CRYPT, 16) + "$" + draw(rng, CRYPT, 86),
    "yescrypt": lambda rng: "$y$j9T$" + draw(rng, CRYPT, 22) + "$" + draw(rng, CRYPT, 43),
    "argon2": lambda rng: "$argon2id$v=19$m=65536,t=3,p=4$" + draw(rng, B64, 22) + "$" + draw(rng, B64, 43),
    "Django": lambda rng: "pbkdf2_sha256$600000$" + draw(rng, ALNUM, 22) + "$" + _b64(rng, 32),
    "Werkzeug": lambda rng: "scrypt:32768:8:1$" + draw(rng, ALNUM, 16) + "$" + draw(rng, HEX, 128),
    "MySQL": lambda rng: "*" + draw(rng, HEX.upper(), 40),
    "LDAP SSHA": lambda rng: "{SSHA}" + _b64(rng, 24),
}

# Type -> (text around it, how it is drawn): values that only their neighbours give away.
BESIDE: dict[str, tuple[str, Maker]] = {
    "AWS secret key": ("aws_secret_access_key = {}", lambda rng: draw(rng, B64, 40)),
    "AWS secret key in YAML": ("      AWS_SECRET_ACCESS_KEY: {}", lambda rng: draw(rng, B64, 40)),
    "AWS session token": ("export AWS_SESSION_TOKEN={}", lambda rng: "IQoJb3JpZ2lu" + _b64(rng, 300)),
    "Azure AccountKey": (
        "DefaultEndpointsProtocol=https;AccountName=logs01;AccountKey={};EndpointSuffix=core.windows.net",
        lambda rng: _b64(rng, 64),
    ),
    "Azure SAS": (
        "https://logs01.blob.core.windows.net/dump?sv=2022-11-02&se=2027-01-01&sr=b&sp=r&sig={}",
        lambda rng: draw(rng, ALNUM, 43) + "%3D",
    ),
    "S3 signature": (
        "GET /backup?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date=20261130T090000Z&X-Amz-Signature={} 200",
        lambda rng: draw(rng, HEX, 64),
    ),
    "GCS signature": (
        "https://storage.googleapis.com/b/o?X-Goog-Algorithm=GOOG4-RSA-SHA256&X-Goog-Signature={}",
        lambda rng: draw(rng, HEX, 512),
    ),
    "W&B": ("wandb login {}", lambda rng: draw(rng, HEX, 40)),
    "Mistral": ("MISTRAL_API_KEY={}", lambda rng: draw(rng, ALNUM, 32)),
    "Cohere": ("cohere api key: {}", lambda rng: draw(rng, ALNUM, 40)),
    "Datadog": ("DD_API_KEY: {}", lambda rng: draw(rng, HEX, 32)),
    "Cloudflare": ("CLOUDFLARE_API_TOKEN={}", lambda rng: draw(rng, ALNUM, 40)),
    "Slack webhook": (
        "curl -X POST https://hooks.slack.com/services/{}",
        lambda rng: f"T{draw(rng, UPPER, 10)}/B{draw(rng, UPPER, 10)}/{draw(rng, ALNUM, 24)}",
    ),
    "Discord webhook": (
        "https://discord.com/api/webhooks/{}",
        lambda rng: f"{draw(rng, '123456789', 18)}/{draw(rng, ALNUM, 68)}",
    ),
    "Authorization Basic": (
        "Authorization: Basic {}",
        lambda rng: base64.b64encode(f"svc-backup:{draw(rng, ALNUM, 9)}".encode()).decode(),
    ),
    "Authorization Bearer": ("> Authorization: Bearer {}", lambda rng: draw(rng, URL, 40)),
    "Cookie": ("Cookie: theme=dark; sessionid={}; lang=es", lambda rng: draw(rng, LOWER, 32)),
    "Set-Cookie": ("< Set-Cookie: JSESSIONID={}; Path=/; HttpOnly; Secure", lambda rng: draw(rng, HEX.upper(), 32)),
    "X-Api-Key": ("X-Api-Key: {}", lambda rng: draw(rng, ALNUM, 32)),
    "postgres": ("DATABASE_URL=postgres://app:{}@db01.prod.lan:5432/crm", lambda rng: draw(rng, ALNUM, 12)),
    "mongodb": (
        "mongodb+srv://svc:{}@cluster0.ab1cd.mongodb.net/?retryWrites=true",
        lambda rng: draw(rng, ALNUM + "!", 12),
    ),
    "redis": ("redis://:{}@10.2.3.4:6379/0", lambda rng: draw(rng, ALNUM, 16)),
    "amqp": ("broker_url = amqp://celery:{}@rabbit:5672//", lambda rng: draw(rng, ALNUM, 10)),
    "ADO.NET": (
        "Server=sql01;Database=hr;User Id=sa;Password={};Encrypt=True",
        lambda rng: "Kx" + draw(rng, ALNUM + "#!", 9) + "7",
    ),
    "ODBC": ("Driver={{ODBC Driver 18}};Server=sql01;Uid=app;Pwd={};", lambda rng: "Rt" + draw(rng, ALNUM, 8) + "4"),
    "JDBC": (
        "jdbc:mysql://db:3306/shop?user=app&password={}&useSSL=true",
        lambda rng: "Wq" + draw(rng, ALNUM, 8) + "2",
    ),
    "pwdump NTLM": ("Administrator:500:aad3b435b51404eeaad3b435b51404ee:{}:::", lambda rng: draw(rng, HEX, 32)),
    "NTLM in prose": ("The NTLM hash of svc_sql is {}.", lambda rng: draw(rng, HEX, 32)),
    "shadow": ("backup:{}:19700:0:99999:7:::", lambda rng: "$6$" + draw(rng, CRYPT, 12) + "$" + draw(rng, CRYPT, 86)),
    "Kubernetes secret": (
        "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\ntype: Opaque\ndata:\n  db-user: YWRtaW4=\n  db-pass:"
        " {}\n",
        lambda rng: _b64(rng, 12),
    ),
    "service account": (
        '{{"type": "service_account", "project_id": "p1", "private_key": "{}"}}',
        lambda rng: pem(rng, "PRIVATE " + "KEY", "\\n"),
    ),
    "RSA block": ("The backup held\n{}\nin clear.", lambda rng: pem(rng, "RSA PRIVATE " + "KEY")),
    "OpenSSH block": ("$ cat id_ed25519\n{}\n", lambda rng: pem(rng, "OPENSSH PRIVATE " + "KEY")),
    "PGP block": ("{}", lambda rng: pem(rng, "PGP PRIVATE " + "KEY BLOCK")),
    "PuTTY": (
        "PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\nComment: k\nPublic-Lines: 1\nAAAA\nPrivate-Lines:"
        " 1\n{}\nPrivate-MAC: 00",
        lambda rng: draw(rng, B64, 48),
    ),
    "age": ("# key\n{}", lambda rng: "AGE-SECRET-" + "KEY-1" + draw(rng, "QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L", 58)),
}
