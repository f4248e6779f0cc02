"""What patterns name is found in its other forms, in time linear in the text, and nothing else is changed."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.capture.redaction import build_redactor

KEY = "sk-ant-api03-abcdefghij0123456789"
REDACT = build_redactor(["all"])
assert REDACT is not None


def kept(text: str) -> str:
    assert REDACT is not None
    return REDACT(text, "atlas.input")


def wide(text: str) -> str:
    return "".join(chr(ord(sign) + 0xFEE0) if "!" <= sign <= "~" else sign for sign in text)


FORMS = {
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs, without padding": lambda text: base64.urlsafe_b64encode(text.encode()).decode().rstrip("="),
    "base64 in lines": lambda text: base64.encodebytes((text + " and what else stands there " * 4).encode()).decode(),
    "base64 of more": lambda text: base64.b64encode(f'{{"note": "my key is {text}, é"}}'.encode()).decode(),
    "base64 of base64": lambda text: base64.b64encode(base64.b64encode(text.encode())).decode(),
    "URL-coded": lambda text: "".join(f"%{ord(sign):02x}" for sign in text),
    "URL-coded in part": lambda text: text.replace("-", "%2D"),
    "URL-coded twice": lambda text: quote(text.replace("-", "%2D")),
    "zero-width": lambda text: "\u200b".join(text),
    "soft hyphens": lambda text: "\u00ad".join(text),
    "full-width": wide,
    "full-width and zero-width": lambda text: "\u2060".join(wide(text)),
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("secret", [KEY, "postgresql://u:hunter2hunter2@db/x", "password: correct-horse-battery"])
def test_a_secret_is_found_in_every_form(form: str, secret: str) -> None:
    said = f"Look: {FORMS[form](secret)} is it."
    answer = kept(said)
    assert "[redacted" in answer
    assert FORMS[form](secret).strip() not in answer
    assert answer.startswith("Look: ")
    assert answer.endswith(" is it.")


def test_what_holds_no_secret_stays_as_it_is() -> None:
    for text in (
        "100% of 50%25 is a half, see https://example.org/a%20b?q=%C3%A9",
        base64.b64encode(b"nothing to see here, only words").decode(),
        base64.b64encode(bytes(range(256)) * 8).decode(),
        "A\u200bB \uff21\uff22\uff23 \u3000",
        "d41d8cd98f00b204e9800998ecf8427e/0af7651916cd43dd8448eb211c80319c",
        "internationalization of everything",
    ):
        assert kept(text) == text


@given(st.text(max_size=200))
def test_it_never_raises_and_is_idempotent(text: str) -> None:
    once = kept(text)
    assert kept(once) == once


@given(st.binary(max_size=200))
def test_coded_bytes_never_raise(data: bytes) -> None:
    kept(base64.b64encode(data).decode())
    kept(quote(data))
