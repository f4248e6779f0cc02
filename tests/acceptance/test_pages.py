"""Every block on every page runs, or says why it does not; every command that a page shows exists."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from atlas_otel.cli import COMMANDS
from atlas_otel.cli.group import load
from tests.support.pages import ROOT, RUN, SHOWN, blocks, commands, pages, run_page

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PAGES: Final = pages()
RUNNABLE: Final = [page for page in PAGES if any(block.runs for block in blocks(page))]
EXTRAS: Final = set(
    tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
)


@pytest.mark.timeout(400)
@pytest.mark.parametrize("page", RUNNABLE)
def test_the_page_runs_from_top_to_bottom(page: str, database_url: str, tmp_path: Path) -> None:
    run_page(page, database_url, tmp_path)


@pytest.mark.parametrize("page", PAGES)
def test_each_block_has_a_known_language_and_its_marker_is_right(page: str) -> None:
    for block in blocks(page):
        assert block.language in (*RUN, *SHOWN, "setup"), f"{block.where}: {block.language} is neither run nor shown"
        if block.not_run is not None:
            assert len(block.not_run.split()) >= 3, f"{block.where}: say why it is not run"
        if block.run_by is not None:
            path, _, test = block.run_by.partition("::")
            assert (ROOT / path).exists(), f"{block.where}: run by {path}, which is not there"
            assert not test or f"def {test}(" in (ROOT / path).read_text(encoding="utf-8"), f"{block.where}: {test}"
    fences = re.findall(r"^ *```", (ROOT / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    shown = [block for block in blocks(page) if block.language != "setup"]
    assert len(fences) == 2 * len(shown), f"{page}: a fence that is indented or not closed"


@pytest.mark.parametrize("page", PAGES)
def test_json_and_yaml_parse(page: str) -> None:
    for block in blocks(page):
        try:
            if block.language == "json":
                for line in [block.text] if "\n " in block.text else block.text.splitlines():
                    json.loads(line)
            elif block.language == "yaml":
                yaml.safe_load(block.text)
        except (ValueError, yaml.YAMLError) as error:
            pytest.fail(f"{block.where}: {error}")


@pytest.mark.parametrize("page", PAGES)
def test_extras_that_are_installed_exist(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    for named in re.findall(r"(?:atlas-otel|-e '?\.)\[([\w,]+)\]", text):
        assert set(named.split(",")) <= EXTRAS, f"{page}: [{named}]"


@pytest.mark.parametrize("page", PAGES)
def test_commands_and_their_options_exist(page: str) -> None:
    for where, words in commands(page):
        command, rest = resolve(words)
        if command is None:
            stops = not rest or rest[0].startswith(("-", "[", "COMMAND"))
            assert stops, f"{where}: atlas-otel {' '.join(words)}"
            continue
        options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
        for word in rest:
            if word == "--":
                break
            option = re.match(r"\[?(--?[a-zA-Z][\w-]*)", word)
            assert option is None or option[1] in {*options, "--help", "--version"}, f"{where}: {word} of {words}"


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """The command that ``words`` name, or None where they stop at a group; and what stands after its name."""
    rest = list(words)
    known = {command.name: command for command in COMMANDS}
    if not rest or rest[0] not in known:
        return None, rest
    command: Any = load(known[rest.pop(0)])
    while rest and rest[0] in getattr(command, "commands", {}):
        command = command.commands[rest.pop(0)]
    return (None, rest) if hasattr(command, "commands") else (command, rest)
