"""The documentation site: every public name is on the API page, and the site check finds what it is for."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

import atlas_otel
from atlas_otel import adapters, errors
from scripts.check_site import faults

API = (Path(__file__).parents[3] / "docs" / "reference" / "api.md").read_text(encoding="utf-8")
# Named by the module's own members directive, or no object of its own.
UNLISTED = {"__version__"}


def test_the_api_page_has_every_public_name() -> None:
    shown = set(re.findall(r"^\.\. auto\w+:: atlas_otel\.([\w.]+)$", API, flags=re.MULTILINE))
    assert set(atlas_otel.__all__) - UNLISTED - shown == set()
    assert "errors" in shown
    assert [name for name in errors.__all__ if not hasattr(errors, name)] == []
    assert "adapters.AgentAdapter" in shown
    assert hasattr(adapters, "AgentAdapter")


PAGE = "<html><head>{head}</head><body><h1 id='top'>x</h1>{body}</body></html>"


@pytest.mark.parametrize(
    ("head", "body", "says"),
    [
        ("", "<a href='gone.html'>x</a>", "links to gone.html, which is not there"),
        ("", "<a href='#nowhere'>x</a>", "whose anchor is not there"),
        ("", "<a href='other.html#nowhere'>x</a>", "whose anchor is not there"),
        ("", "<img src='https://example.org/a.png'>", "loads https://example.org/a.png"),
        ("<script src='//cdn.example.org/a.js'></script>", "", "loads //cdn.example.org/a.js"),
        ("<link rel='stylesheet' href='gone.css'>", "", "loads gone.css, which is not there"),
    ],
)
def test_a_fault_is_found(tmp_path: Path, head: str, body: str, says: str) -> None:
    (tmp_path / "index.html").write_text(PAGE.format(head=head, body=body), encoding="utf-8")
    (tmp_path / "other.html").write_text(PAGE.format(head="", body=""), encoding="utf-8")
    (found,) = faults(tmp_path)
    assert says in found


def test_a_font_from_the_network_is_found(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text(PAGE.format(head="", body="<a href='#top'>x</a>"), encoding="utf-8")
    assert faults(tmp_path) == []
    (tmp_path / "a.css").write_text("@import url('https://fonts.example.org/css');", encoding="utf-8")
    assert faults(tmp_path) == ["a.css: loads from the network"]
