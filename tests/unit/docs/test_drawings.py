"""The drawings: every image is what its text says, every text is drawn, and a wrong text says which line."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from scripts.drawings import IMAGES, TEXTS, Wrong, read, svg

NAMES = sorted(path.stem for path in TEXTS.glob("*.txt"))


@pytest.mark.parametrize("name", NAMES)
def test_the_image_is_what_its_text_says(name: str) -> None:
    drawn = svg(read((TEXTS / f"{name}.txt").read_text(encoding="utf-8")))
    assert (IMAGES / f"{name}.svg").read_text(encoding="utf-8") == drawn, "run: python scripts/drawings.py --write"


@pytest.mark.parametrize("name", NAMES)
def test_a_page_shows_it_and_says_what_it_is(name: str) -> None:
    root = Path(__file__).parents[3]
    pages = [root / "README.md", *(root / "docs").rglob("*.md")]
    assert any(f"images/{name}.svg)" in page.read_text(encoding="utf-8") for page in pages)


def test_words_are_escaped_and_every_statement_is_drawn() -> None:
    drawing = read(
        "# no statement\n\ntitle a < b\nbox one 0 0 code x & y | second\nbox two 1 1 store z\n"
        "box three 0 1 view w\narrow one -> two reads\narrow three -> one\n"
    )
    root = ET.fromstring(svg(drawing))
    texts = [element.text for element in root.iter() if element.tag.endswith("text")]
    assert sorted(str(text) for text in texts) == ["reads", "second", "w", "x & y", "z"]
    assert sum(element.tag.endswith("polygon") for element in root.iter()) == 2


def test_bars_are_one_row_each() -> None:
    root = ET.fromstring(svg(read("title t\nbar 0 0 100 code session\nbar 1 10 20 store step\n")))
    assert [element.get("width") for element in root.iter() if element.tag.endswith("rect")] == ["760", "152"]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("box a 0 0 code x", "no title"),
        ("title t\nbox a 0 0 blue x", "line 2: 'box a 0 0 blue x': blue is none of"),
        ("title t\narrow a -> b", "there is no box a"),
        ("title t\ncircle a", "begins with no known word"),
        ("title t\nbox a", "line 2"),
    ],
)
def test_a_wrong_text_says_which_line(text: str, says: str) -> None:
    with pytest.raises(Wrong, match=says):
        read(text)
