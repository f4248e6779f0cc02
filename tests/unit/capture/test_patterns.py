"""Each shipped pattern: what it finds, what it leaves, and that no text makes it slow."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.capture.patterns import NAMED, PERSONAL, SECRETS, iban, luhn

A40 = "aB3dE6gH9jK2mN5pQ8sT1vW4yZ7bC0eF3hI6kL9n"
# Written in parts, so that no scanner takes this file for a leak.
FOUND = {
    "anthropic": ["sk-" + "ant-api03-" + A40],
    "openai": ["sk-" + "proj-" + A40, "sk-" + A40],
    "aws": ["AKIA" + "IOSFODNN7EXAMPLE", "aws_secret_access_key = " + A40],
    "github": ["ghp_" + A40[:36], "github_" + "pat_" + A40],
    "gitlab": ["glpat-" + A40[:20]],
    "slack": ["xoxb-" + "123456789012-" + A40, "https://hooks.slack.com/services/" + "T000/B000/" + A40],
    "google": ["AIza" + A40[:35], "ya29." + A40],
    "stripe": ["sk_" + "live_" + A40],
    "huggingface": ["hf_" + A40],
    "npm": ["npm_" + A40[:36]],
    "pypi": ["pypi-" + A40 + A40],
    "sendgrid": ["SG." + A40[:22] + "." + A40],
    "xai": ["xai-" + A40],
    "groq": ["gsk_" + A40],
    "azure": ["AccountName=x;AccountKey=" + A40 + "==;"],
    "jwt": ["eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxIn0." + A40],
    "bearer": ["Authorization: Bearer " + A40, "bearer " + A40],
    "basic_auth": ["Basic " + "dXNlcjpwYXNzd29yZA=="],
    "dsn": ["postgresql://user:hunter2@db/app", "redis://:p@ss@host:6379/0", "mongodb+srv://u:pw@c.example.net/?x=1"],
    "password": ["password=hunter22", '"api_key": "k-123"', "DB_PASSWORD: hunter22", '{\\"token\\": \\"abcd\\"}'],
    "private_key": [
        "-----BEGIN RSA PRIVATE KEY-----\n" + A40 + "\n-----END RSA PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\n" + A40,
    ],
    "email": ["a.b+c@example.co.uk", "<x@y.org>", "mailto:user_1@mail-host.example.com"],
    "card": ["4111 1111 1111 1111", "5500-0000-0000-0004", "340000000000009", "card:6011000000000004."],
    "iban": ["DE89 3704 0044 0532 0130 00", "GB82WEST12345698765432"],
}
LEFT = {
    "openai": ["task-" + A40, "a disk-space", "sk-short"],
    "aws": ["AKIA is a prefix", "aws region = eu-west-1"],
    "email": ["@decorator", "a @ b", "user@localhost", "x@"],
    "card": ["4111 1111 1111 1112", "1700000000000000000", "00000000000000", "1234567890123", "3.141592653589793"],
    "iban": ["DE00 3704 0044 0532 0130 00", "AB12 CDEF"],
    "dsn": ["postgresql://user@db/app", "https://example.org:443/x?a=b@c"],
    "jwt": ["eyJ is how they begin", "eyJhbGci"],
    "bearer": ["the bearer of bad news", "bearer x"],
    "password": ["the password is secret", "tokens: 12", "secret: no"],
    "basic_auth": ["basic English", "Basic training"],
    "private_key": ["-----BEGIN PUBLIC KEY-----", "a PRIVATE KEY"],
}


PARTS = (
    *("hunter2", "p@ss", A40[:20], "IOSFODNN7", "dXNlcjpw", "example.co", "1111"),
    *("0004", "0000009", "WEST1", "abcd", "k-123"),
)


def redacted(name: str, text: str) -> str:
    for pattern in NAMED[name]:
        text = pattern.redact(text)
    return text


def test_every_pattern_is_tried_here() -> None:
    assert set(FOUND) == set(NAMED) - {"secrets", "personal", "all"}
    assert NAMED["all"] == SECRETS + PERSONAL


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in FOUND.items() for text in texts])
@pytest.mark.parametrize("around", ["{}", "see {} and", "({})", "x={}\n", '"{}"'])
def test_it_is_found_wherever_it_stands(name: str, text: str, around: str) -> None:
    whole = around.replace("{}", text)
    kept = redacted(name, whole)
    assert f"[redacted:{name}]" in kept
    for secret in PARTS:
        if secret in text and not (name == "dsn" and secret == "example.co"):
            assert secret not in kept
    assert redacted(name, kept) == kept


@pytest.mark.parametrize(("name", "text"), [(name, text) for name, texts in LEFT.items() for text in texts])
def test_what_is_none_is_left(name: str, text: str) -> None:
    assert redacted(name, text) == text


def test_what_surrounds_a_secret_is_kept() -> None:
    assert redacted("dsn", "postgresql://user:pw@db/app") == "postgresql://user:[redacted:dsn]@db/app"
    assert redacted("bearer", "Authorization: Bearer abcdefgh1") == "Authorization: Bearer [redacted:bearer]"
    assert redacted("password", 'password = "a b", x') == 'password = "[redacted:password]", x'


@given(st.text(max_size=300))
def test_ordinary_text_passes_and_redaction_is_idempotent(text: str) -> None:
    once = redacted("all", text)
    assert redacted("all", once) == once
    if not set(text) & set("@:=-_.0123456789") and "bearer" not in text.lower() and "basic" not in text.lower():
        assert once == text


@given(st.integers(10**11, 10**18))
def test_luhn_takes_one_digit_of_ten(number: int) -> None:
    valid = [digit for digit in range(10) if luhn(f"{number}{digit}")]
    assert len(valid) == 1


def test_iban_knows_its_check_digits() -> None:
    assert iban("GB82 WEST 1234 5698 7654 32")
    assert not iban("GB83 WEST 1234 5698 7654 32")


# fmt: off
HOSTILE = [
    "eyJ", "eyJa.", "a", "a@", "a.", "@a.", "4", "4 ", "4-", "a://b:", "://", "sk-", "sk-ant-", "\\", " ", "x_", "-",
    "-----BEGIN PRIVATE KEY-----", "-----BEGIN ", "password", "password=", "password:'", "password=\\\"a", "token ",
    "aws secret ", "aws_key=", "bearer ", "Basic ", "AB12 ", "A1", "xoxb-", "SG.", "SG.aaaaaaaaaaaaaaaaaaaaa",
    "AccountKey=", "[redacted:",
]
# fmt: on


@pytest.mark.parametrize("part", HOSTILE)
def test_no_text_makes_a_pattern_slow(part: str) -> None:
    """Time grows with the text, not with its square: a quadratic pattern would take minutes here."""
    text = part * (400_000 // len(part))
    start = time.perf_counter()
    redacted("all", text)
    assert time.perf_counter() - start < 20
