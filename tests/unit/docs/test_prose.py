"""The rules of .vale/styles: each catches what the style page says not to write, and lets through what it says to."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

from scripts.build_stack import cache_dir
from scripts.prose import ROOT, VERSION

VALE = cache_dir() / f"vale-{VERSION}"
TABLE = (
    (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").split("| instead of | write |")[1].split("<!-- vale on")[0]
)
PAIRS = re.findall(r"^\| (.+?) \| (.+?) \|$", TABLE.replace("|---|---|\n", ""), flags=re.MULTILINE)


def complaints(text: str, folder: Path) -> str:
    (folder / "page.md").write_text(f"{text}\n", encoding="utf-8")
    config = ROOT / ".vale.ini"
    command = [str(VALE), "--config", str(config), "--output=line", "page.md"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False).stdout


def test_the_style_page_has_pairs() -> None:
    assert len(PAIRS) >= 6


@pytest.mark.skipif(not VALE.exists(), reason="Vale is not built: make prose builds it")
@pytest.mark.parametrize(("before", "after"), PAIRS)
def test_what_not_to_write_is_caught_and_what_to_write_passes(before: str, after: str, tmp_path: Path) -> None:
    assert "Atlas." in complaints(before, tmp_path)
    assert complaints(after, tmp_path) == ""


@pytest.mark.skipif(not VALE.exists(), reason="Vale is not built: make prose builds it")
def test_every_rule_is_read(tmp_path: Path) -> None:
    rules = sorted(path.stem for path in (ROOT / ".vale" / "styles" / "Atlas").glob("*.yml"))
    bad = {
        "Absence": "This is no answer.",
        "Also": "It works, also where nothing runs.",
        "Length": " ".join(["word"] * 50) + ".",
        "Position": "It stands in the row.",
        "Said": "The row says so.",
        "What": "What is missing is marked.",
        "Where": "Where nothing runs, it ends.",
        "Wording": "It is computed anew.",
    }
    assert sorted(bad) == rules
    for rule, text in bad.items():
        assert f"Atlas.{rule}" in complaints(text, tmp_path), rule
