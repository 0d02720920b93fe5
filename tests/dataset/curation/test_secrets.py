from __future__ import annotations

import gzip
import json
import tarfile
import time
from collections import Counter

import pytest

from secft.config.schemas.curation import SecretsConfig
from secft.dataset.curation.secrets import Placeholders, findings, mostly_secret, scrub_example, scrub_text
from secft.records import Example
from secft.security.protection.check_digits import iban, luhn
from tests.samples import is_full, published

from ..conftest import MakeExample

SETTINGS = SecretsConfig()

# Made up here in the form of the real ones; put together so that no scanner takes this file for a leak.
AWS = "AKIA" + "Z3QF7WMKP2LXN5RT"
GITHUB = "ghp_" + "a8Kd03JfmWq9LzPx7VtB2cYh5RnE1sGu6QoT"
SLACK = "xoxb-" + "213948572019-4958203948571-Qp8sLw2ZtRk7VbNx3MyJ4dHc"
STRIPE = "sk_live_" + "9fKq2LmZ7xWc4VbN8rTy3HsP"
GOOGLE = "AIza" + "Syq9R2kLm7XvB4nT8wZpC3dFhJ6gK1sQeYu"
JWT = ".".join(
    (
        "eyJhbGciOiJSUzI1NiIsImtpZCI6Ijk3In0",
        "eyJzdWIiOiI4MTczNjQ1IiwiZW1haWwiOiJtQHcub3JnIn0",
        "Qm7vXk2LzR9pTn4WcY8sJd3HfB6gKq1MxVe5ZtUoPaI",
    )
)
PEM = (
    "-----BEGIN RSA PRIVATE KEY-----\n"
    + "\n".join("MIIEpAIBAAKCAQEA7bq9Zk3v0c1LwXnR5TtYpQ2mJ8sHdGfKxU" for _ in range(4))
    + "\n-----END RSA PRIVATE KEY-----"
)


def kinds(text: str) -> list[str]:
    return [kind for _, _, kind in findings(text, SETTINGS)]


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        (f"Use {AWS} to sign in.", "AWS_ACCESS_KEY"),
        (f"token: {GITHUB}", "GITHUB_TOKEN"),
        (f"The bot posts with {SLACK}.", "SLACK_TOKEN"),
        (f"stripe.api_key = '{STRIPE}'", "STRIPE_KEY"),
        (f"key={GOOGLE}&q=1", "GOOGLE_API_KEY"),
        (f"Authorization: Bearer {JWT}", "JWT"),
        (f"Stored as\n{PEM}\nin the image.", "PRIVATE_KEY"),
        ("db_password = 'kV9!x2Qz7LmW4rTb8'", "PASSWORD"),
        ("postgres://svc:Zq8vLw2nTk@db.bank.io/prod", "PASSWORD"),
        ("Write to maria.lopez@consulting-partners.es about it.", "EMAIL"),
        ("Call her at +34 612 345 987 tonight.", "PHONE"),
        ("Reach me on (415) 867-2390 today", "PHONE"),
        ("Card 4539 1488 0343 6467 was charged.", "CREDIT_CARD"),
        ("Pay to DE44 5001 0517 5407 3249 31 please.", "IBAN"),
        ("His SSN is 536-22-8145.", "SSN"),
    ],
)
def test_secrets_are_found(text: str, kind: str) -> None:
    assert kinds(text) == [kind]
    clean = scrub_text(text, SETTINGS, Placeholders())
    assert f"<{kind}>" in clean
    assert not findings(clean, SETTINGS), "a placeholder is no secret"


@pytest.mark.parametrize(
    "text",
    [
        "aws_access_key_id = AKIAIOSFODNN7EXAMPLE\naws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "Write to alice@example.com, bob@mail.example.org or security@apache.org.",
        "The beacon connects to 192.0.2.17, 2001:db8::1, 185.220.101.34 and evil-update[.]com (hxxp://45.9.148[.]99/x).",
        "MD5 d41d8cd98f00b204e9800998ecf8427e, SHA-1 da39a3ee5e6b4b0d3255bfef95601890afd80709",
        "SHA-256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855 of the sample",
        "Fixed in commit 7fa5d3f1c2b94e8d6a0f3b7c9e1d5a8f2c4b6e0d; integrity sha512-"
        "z4PhNX7vuL3xVChQ1m2AB9Yg5AULVxXcg/SpIdNs6c5H0NE8XYXysP+DGNKHfuwvY7kxvUdBeoGlODJ6+SfaPg==",
        "CVE-2021-44228, GHSA-jfh8-c2jp-5v3q, CWE-798, T1059.001, {3F2504E0-4F89-11D3-9A0C-0305E82C3301}",
        'String password = "password123"; char *pw = "Mew!"; connect(user, \'changeme\');',
        "Test with card 4111 1111 1111 1111 and call 555-0134 or +1 202 555 0143.",
        "git clone git@github.com:org/repo.git and npm i left-pad@1.3.0, module github.com/x/y@v1.2.3",
        "The algorithm sk-ssh-ed25519@openssh.com is offered.",
        "jdbc:mysql://user:password@localhost/db and https://user:pass@host/",
        "Versions 1.2.3.4 to 10.0.19041.1288, port 8443, uid 1000, 2021-12-10 13:37:00, ISBN 978-3-16-148410-0",
        "user[at]evil[.]com sent the lure",
        "-----BEGIN PRIVATE KEY-----",
        "Serial 4539148803436468 has a wrong check digit; DE44500105175407324932 as well.",
    ],
)
def test_look_alikes_stay(text: str) -> None:
    assert scrub_text(text, SETTINGS, Placeholders()) == text


def test_one_value_has_one_placeholder(make_example: MakeExample) -> None:
    first, second = "m.ruiz@corp-iberia.es", "j.kowalski@firma-alfa.pl"
    example = make_example("x", f"Who is {first}?", f"{first} reports to {second}; mail {first}.")
    clean, counts = scrub_example(example, SETTINGS)
    assert clean.messages[1]["content"] == "Who is <EMAIL>?"
    assert clean.messages[2]["content"] == "<EMAIL> reports to <EMAIL_2>; mail <EMAIL>."
    assert counts == Counter(EMAIL=4)
    assert scrub_example(clean, SETTINGS) == (clean, Counter())


def test_choices_stay_equal_to_the_answer(make_example: MakeExample) -> None:
    choices = (f"A. {AWS}", "B. nothing")
    example = make_example("x", "Which key?", choices[0], choices=choices, right=0)
    clean, _ = scrub_example(example, SETTINGS)
    assert clean.choices[0] == clean.messages[-1]["content"] == "A. <AWS_ACCESS_KEY>"


def test_an_answer_of_secrets_is_dropped(make_example: MakeExample) -> None:
    assert mostly_secret(make_example("x", "Key?", f"It is {AWS}"), SETTINGS)
    long = f"The key {AWS} was found in a public repository; revoke it, rotate it, and search the logs for its use."
    assert not mostly_secret(make_example("x", "Key?", long), SETTINGS)


def test_own_rules_work_alone_and_values_can_be_kept() -> None:
    alone = SecretsConfig(detect_secrets=False)
    assert [kind for _, _, kind in findings(f"{AWS} {GITHUB}", alone)] == ["AWS_ACCESS_KEY", "GITHUB_TOKEN"]
    assert not findings(f"Use {AWS}", SecretsConfig(keep=[AWS]))


def test_entropy_needs_a_word_beside_it() -> None:
    random = "Zk9QvX2mLr7TbW4nYp8sHd3JfC6gKq1M"
    assert kinds(f"the access key is '{random}'") == ["SECRET"]
    assert kinds(f"the file is called '{random}'") == []


def test_check_digits() -> None:
    assert luhn("79927398713")
    assert not luhn("79927398710")
    assert iban("GB82 WEST 1234 5698 7654 32")
    assert not iban("GB83 WEST 1234 5698 7654 32")


@pytest.mark.parametrize(
    "piece", ["a", "@", "a@", "-----BEGIN ", "1 ", "4111 ", "+1 ", "eyJ", "://a:", "=", "AKIA", "'", "token='"]
)
def test_hostile_texts_take_no_time(piece: str) -> None:
    start = time.process_time()
    findings((piece * 200_000)[:200_000], SETTINGS)
    assert time.process_time() - start < 5


def test_no_secret_in_the_default_examples(examples: list[Example]) -> None:
    changed = [example.id for example in examples if scrub_example(example, SETTINGS)[0] != example]
    assert changed == []


def test_false_alarms_on_advisories_and_cheat_sheets() -> None:
    found: Counter[str] = Counter()
    texts = 0
    for path in sorted(published("osv").glob("*.jsonl.gz")):
        with gzip.open(path, "rt") as stream:
            for row in map(json.loads, stream):
                texts += 1
                found.update(kinds(f"{row.get('summary') or ''}\n{row.get('details') or ''}"))
    with tarfile.open(published("owasp/cheatsheets.tar.gz")) as archive:
        for member in archive:
            stream_of = archive.extractfile(member) if member.isfile() else None
            if stream_of:
                texts += 1
                found.update(kinds(stream_of.read().decode()))
    assert texts > (8000 if is_full(published("osv")) else 40)
    # Tokens that a cheat sheet made up cannot be told from real ones.
    assert found.total() <= 6, found
