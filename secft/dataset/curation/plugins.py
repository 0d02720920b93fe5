"""The plugins of detect-secrets, asked about single lines rather than files.

Plugins with a fixed form decide alone. The two entropy plugins are only asked about quoted values beside a word such as
``token``, with limits from the configuration, because hashes, indicators and identifiers are as random as secrets are.
Not used: the keyword plugin and the one for public addresses, which take prose and indicators for secrets.

Source: https://github.com/Yelp/detect-secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import Any

from secft.config.schemas.curation import SecretsConfig
from secft.environment import install_command
from secft.errors import MissingExtraError
from secft.security.protection.documented import documented_secret

LONGEST_LINE = 4_000
_TOKEN = re.compile(r"[A-Za-z0-9+/_=-]{16}")
_CONTEXT = re.compile(r"(?i)secret|token|passw|pwd|(?:api|access)[ _-]?key|credential|auth")

# Plugin module, class, placeholder, and what must stand in the line (as written) for it to be asked.
_FIXED: tuple[tuple[str, str, str, tuple[str, ...]], ...] = (
    ("artifactory", "ArtifactoryDetector", "ARTIFACTORY_TOKEN", ("AKC", "AP")),
    ("aws", "AWSKeyDetector", "AWS_ACCESS_KEY", ("AKIA", "ASIA", "ABIA", "ACCA", "aws", "AWS")),
    ("azure_storage_key", "AzureStorageKeyDetector", "AZURE_STORAGE_KEY", ("AccountKey",)),
    ("basic_auth", "BasicAuthDetector", "PASSWORD", ("://",)),
    ("cloudant", "CloudantDetector", "CLOUDANT_KEY", ("cloudant",)),
    ("discord", "DiscordBotTokenDetector", "DISCORD_TOKEN", (".",)),
    ("github_token", "GitHubTokenDetector", "GITHUB_TOKEN", ("gh",)),
    ("gitlab_token", "GitLabTokenDetector", "GITLAB_TOKEN", ("gl", "GR")),
    ("jwt", "JwtTokenDetector", "JWT", ("eyJ",)),
    ("mailchimp", "MailchimpDetector", "MAILCHIMP_KEY", ("-us",)),
    ("npm", "NpmDetector", "NPM_TOKEN", ("_authToken",)),
    ("openai", "OpenAIDetector", "API_KEY", ("sk-",)),
    ("pypi_token", "PypiTokenDetector", "PYPI_TOKEN", ("pypi-",)),
    ("sendgrid", "SendGridDetector", "SENDGRID_KEY", ("SG.",)),
    ("slack", "SlackDetector", "SLACK_TOKEN", ("xox", "hooks.slack")),
    ("square_oauth", "SquareOAuthDetector", "SQUARE_TOKEN", ("sq0",)),
    ("stripe", "StripeDetector", "STRIPE_KEY", ("k_live_",)),
    ("telegram_token", "TelegramBotTokenDetector", "TELEGRAM_TOKEN", (":",)),
    ("twilio", "TwilioKeyDetector", "TWILIO_KEY", ("AC", "SK")),
)

PLUGIN_KINDS = frozenset({"SECRET", *(kind for _, _, kind, _ in _FIXED)})


@cache
def _plugins() -> list[tuple[Any, str, tuple[str, ...]]]:
    from importlib import import_module

    try:
        modules = [import_module(f"detect_secrets.plugins.{module}") for module, *_ in _FIXED]
    except ImportError as error:
        raise MissingExtraError(
            f"curation.secrets needs detect-secrets: {install_command('curation')} ({error})."
        ) from None
    return [
        (getattr(module, name)(), kind, hints) for module, (_, name, kind, hints) in zip(modules, _FIXED, strict=True)
    ]


@cache
def _entropy(base64: float, hexadecimal: float) -> list[tuple[Any, float]]:
    from detect_secrets.plugins.high_entropy_strings import Base64HighEntropyString, HexHighEntropyString

    return [(Base64HighEntropyString(base64), base64), (HexHighEntropyString(hexadecimal), hexadecimal)]


def plugin_findings(text: str, settings: SecretsConfig) -> Iterator[tuple[str, str]]:
    """Yield (kind of placeholder, value) for what the plugins find in a text.

    Args:
        text: any text; only lines with a token of 16 characters, or with a password in an address, are looked at.
        settings: limits of the entropy plugins.

    Raises:
        MissingExtraError: detect-secrets is not installed.
    """
    for line in (whole[:LONGEST_LINE] for whole in text.splitlines()):
        has_token = bool(_TOKEN.search(line))
        if not has_token and "://" not in line:
            continue
        yield from _fixed(line)
        if has_token and _CONTEXT.search(line):
            yield from _random(line, settings)


def _fixed(line: str) -> Iterator[tuple[str, str]]:
    for plugin, kind, hints in _plugins():
        if any(hint in line for hint in hints):
            for value in plugin.analyze_string(line):
                if value and len(value) >= 4 and not documented_secret(value) and _plausible(kind, value, line):
                    yield kind, value


def _plausible(kind: str, value: str, line: str) -> bool:
    """Look once more at forms that prose and addresses share with secrets."""
    if kind == "PASSWORD":
        # A password in an address stands between a name and a host; a port or a path is none.
        return len(value) >= 6 and re.search(rf"://[^\s/@:]{{1,100}}:{re.escape(value)}@[\w.\[-]", line) is not None
    if kind in {"TWILIO_KEY", "DISCORD_TOKEN", "TELEGRAM_TOKEN", "ARTIFACTORY_TOKEN"}:
        return sum(character.isdigit() for character in value) >= 4 and len(set(value)) >= 12
    return True


def _random(line: str, settings: SecretsConfig) -> Iterator[tuple[str, str]]:
    for plugin, limit in _entropy(settings.base64_entropy, settings.hex_entropy):
        for value in plugin.analyze_string(line):
            random = len(value) >= 20 and re.search(r"\d", value) and plugin.calculate_shannon_entropy(value) > limit
            if random and not documented_secret(value) and "://" not in value and value.count("/") < 4:
                yield "SECRET", value
