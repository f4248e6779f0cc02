"""The named patterns shipped with atlas-otel: keys, tokens, passwords, e-mail addresses, card numbers. Pure.

Written here, as no maintained library fits: ``detect-secrets`` scans files and pulls in ``requests``, ``presidio`` and
``scrubadub`` load language models. Each pattern runs in time linear in the text, and only where one of its ``hints`` (a
literal that every match holds) occurs. What is found is replaced by ``[redacted:<name>]``, which no pattern matches.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable


_ISSUER: Final = re.compile("2[2-7]|3[04678]|[456]")


class Pattern(NamedTuple):
    """What one name stands for: the group that matched is the secret, or all where there is none.

    ``hints``: each match holds one of them. ``check`` refuses false matches. ``least``: no match has fewer characters.
    """

    name: str
    hints: tuple[str, ...]
    regex: re.Pattern[str]
    check: Callable[[str], bool] | None = None
    least: int = 12

    def redact(self, text: str) -> str:
        """``text`` without what the pattern finds."""
        if len(text) < self.least:
            return text
        for hint in self.hints:
            if hint in text:
                return self.regex.sub(self._replaced, text)
        return text

    def _replaced(self, match: re.Match[str]) -> str:
        group = match.lastindex or 0
        found = match[group]
        if found.startswith("[redacted:") or (self.check is not None and not self.check(found)):
            return match[0]
        start, end = match.span(group)
        offset = match.start()
        return f"{match[0][: start - offset]}[redacted:{self.name}]{match[0][end - offset :]}"


def luhn(number: str) -> bool:
    """Whether a card number's check digit is right (ISO/IEC 7812-1, annex B); spaces and hyphens are ignored."""
    digits = [int(digit) for digit in number if digit.isdigit()]
    doubled = [
        digit if place % 2 == 0 else (2 * digit - 1) % 9 + 1 if digit else 0 for place, digit in enumerate(digits[::-1])
    ]
    return len(digits) >= 13 and sum(doubled) % 10 == 0 and any(digits)


def card(number: str) -> bool:
    """Whether it may be a payment card: its first digits are an issuer's (2-6 as ISO/IEC 7812 has them), and Luhn."""
    return _ISSUER.match(number.replace(" ", "").replace("-", "")) is not None and luhn(number)


def iban(number: str) -> bool:
    """Whether an account number's check digits are right (ISO 13616: mod 97 is 1)."""
    plain = number.replace(" ", "").upper()
    return 15 <= len(plain) <= 34 and int("".join(str(int(sign, 36)) for sign in plain[4:] + plain[:4])) % 97 == 1


def _token(name: str, *prefixes: str, body: str) -> Pattern:
    """A token known by how it begins. No letter or digit stands before it."""
    starts = "|".join(map(re.escape, prefixes))
    return Pattern(name, prefixes, re.compile(f"(?<![A-Za-z0-9])(?:{starts}){body}"))


_KEY_NAMES: Final = (
    "passw(?:or)?d|passwd|pwd|passphrase|secret|api[_-]?key|apikey|access[_-]?key|private[_-]?key|secret[_-]?key|"
    "(?:access|auth|refresh|id|session|bearer)[_-]?token|token|client[_-]?secret|authorization|credentials?"
)

_KEY_HINTS: Final = tuple(
    part
    for word in ("assw", "wd", "assphrase", "ecret", "key", "Key", "oken", "redential", "uthorization")
    for part in dict.fromkeys((word, word.upper()))
)

SECRET_KEY: Final = re.compile(rf"(?:[\w-]*[_-])?(?:{_KEY_NAMES})", re.IGNORECASE)
"""A mapping's key whose value is a secret by its name (``db_password``); matched in full."""

SECRETS: Final = (
    Pattern(
        "private_key",
        ("PRIVATE KEY",),
        re.compile(
            r"-----BEGIN (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----[\s\S]*?"
            r"(?:-----END (?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----|\Z)"
        ),
    ),
    _token("anthropic", "sk-ant-", body=r"[\w-]{8,}"),
    _token("openai", "sk-", body=r"(?!ant-)[\w-]{16,}"),
    Pattern(
        "aws",
        ("AKIA", "ASIA", "AIDA", "AROA", "AGPA", "ANPA", "ANVA", "AIPA", "ABIA", "ACCA"),
        re.compile(r"(?<![A-Za-z0-9])(?:A(?:KIA|SIA|IDA|ROA|GPA|NPA|NVA|IPA|BIA|CCA))[A-Z0-9]{16}(?![A-Za-z0-9])"),
    ),
    Pattern(
        "aws",
        ("aws", "AWS", "Aws"),
        re.compile(
            r"(?i)aws[^\n=:]{0,30}?(?:secret|key)[^\n=:]{0,30}[=:]\s?[\"']?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+=])"
        ),
    ),
    _token("github", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", body="[A-Za-z0-9]{30,}"),
    _token("github", "github_pat_", body=r"\w{20,}"),
    _token(
        "gitlab",
        *("glpat-", "gldt-", "glrt-", "glcbt-", "glptt-", "glft-", "glsoat-", "glagent-", "glimt-", "gloas-"),
        body=r"[\w-]{16,}(?:\.[\w-]+)*",
    ),
    _token("slack", "xoxa-", "xoxb-", "xoxe-", "xoxo-", "xoxp-", "xoxr-", "xoxs-", "xapp-", body=r"[\w-]{10,}"),
    Pattern("slack", ("hooks.slack.com",), re.compile(r"hooks\.slack\.com/(?:services|workflows)/([\w/-]{20,})")),
    _token("google", "AIza", body=r"[\w-]{35}"),
    _token("google", "ya29.", "GOCSPX-", body=r"[\w-]{20,}"),
    _token("stripe", "sk_live_", "sk_test_", "rk_live_", "rk_test_", "whsec_", body="[A-Za-z0-9]{16,}"),
    _token("huggingface", "hf_", body="[A-Za-z0-9]{30,}"),
    _token("npm", "npm_", body="[A-Za-z0-9]{36}"),
    _token("pypi", "pypi-", body=r"[\w-]{50,}"),
    _token("sendgrid", "SG.", body=r"[\w-]{16,}\.[\w-]{16,}"),
    _token("xai", "xai-", body="[A-Za-z0-9]{40,}"),
    _token("groq", "gsk_", body="[A-Za-z0-9]{40,}"),
    Pattern(
        "azure",
        ("AccountKey=", "SharedAccessKey="),
        re.compile(r"(?:Account|SharedAccess)Key=([A-Za-z0-9/+]{40,}={0,2})"),
    ),
    Pattern("jwt", ("eyJ",), re.compile(r"(?<![\w-])eyJ[\w-]{5,}\.[\w-]{5,}(?:\.[\w-]*)*")),
    Pattern("bearer", ("earer", "EARER"), re.compile(r"(?i)\bbearer\s{1,8}([\w.~+/-]{8,}=*)")),
    Pattern("basic_auth", ("asic", "ASIC"), re.compile(r"(?i)\bbasic\s{1,8}([A-Za-z0-9+/]{12,}={0,2})(?![\w])")),
    Pattern("dsn", ("://",), re.compile(r"[A-Za-z][\w+.-]{1,30}://[^\s:/@\"']{0,128}:([^\s/\"']{1,256})@"), least=8),
    Pattern(
        "password",
        _KEY_HINTS,
        re.compile(
            rf"(?i)(?<![A-Za-z])(?=[abciprst])(?:{_KEY_NAMES})(?:\\?[\"'])?\s{{0,8}}[:=]\s{{0,8}}"
            r"(?:\\?\"((?:[^\"\\\n]|\\[^\"\n])+)|\\?'((?:[^'\\\n]|\\[^'\n])+)|([^\s,;&\"'<>()\[\]{}\\]{4,}))"
        ),
        least=7,
    ),
)

PERSONAL: Final = (
    Pattern("email", ("@",), re.compile(r"(?<![\w.+%-])[\w.+%-]+@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63}"), least=6),
    Pattern(
        "card",
        tuple("23456"),
        re.compile(r"[2-6](?<![\d.].)(?:[ -]?\d){12,18}(?!\d)"),
        check=card,
    ),
    Pattern(
        "iban",
        tuple("0123456789"),
        re.compile(r"[A-Z](?<![A-Za-z0-9].)[A-Z]\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?(?![A-Za-z0-9])"),
        check=iban,
    ),
)

NAMED: Final[dict[str, tuple[Pattern, ...]]] = {
    **{
        name: tuple(p for p in SECRETS + PERSONAL if p.name == name)
        for name in dict.fromkeys(p.name for p in SECRETS + PERSONAL)
    },
    "secrets": SECRETS,
    "personal": PERSONAL,
    "all": SECRETS + PERSONAL,
}
"""What each name of ``redact=[…]`` stands for; ``secrets``, ``personal`` and ``all`` are groups."""
