"""Texts whose UTF-8 is known: the same bytes as ``str.encode`` gives, whether it is remembered or not."""

from __future__ import annotations

import threading

import pytest

from atlas_otel import known_utf8
from atlas_otel.known_utf8 import LEAST, MOST, decoded, encoded


@pytest.mark.parametrize("size", [0, 1, LEAST - 1, LEAST, LEAST + 1, MOST, MOST + 1])
@pytest.mark.parametrize("character", ["a", "é", "日", "😀"])
def test_the_bytes_are_those_of_the_text(character, size):
    data = (character * size).encode()
    text = decoded(data)
    assert text == character * size
    assert encoded(text) == data
    assert encoded(text) == data, "and again, when it is forgotten"
    assert encoded(character * size + "x") == data + b"x"


def test_what_was_decoded_is_not_encoded_again_and_is_then_let_go_of():
    data = ("é" * LEAST).encode()
    text = decoded(data)
    assert encoded(text) is data
    assert encoded(text) is not data


def test_few_are_remembered():
    data = ("é" * LEAST).encode()
    texts = [decoded(data) for _ in range(1_000)]
    assert len(known_utf8._recent) <= 16
    assert all(encoded(text) == data for text in texts)


def test_threads_get_their_own_texts_back():
    wrong: list[str] = []

    def work(mark: str) -> None:
        for number in range(300):
            text = decoded(f"{mark}{number}é".encode() * 400)
            if encoded(text) != text.encode():
                wrong.append(text)

    threads = [threading.Thread(target=work, args=(mark,)) for mark in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_lone_surrogate_is_refused():
    with pytest.raises(UnicodeEncodeError):
        encoded("\ud800" * LEAST)
