"""A failed command is one line on stderr; a person at a terminal also gets the section that explains it."""

from __future__ import annotations

import io

import pytest

from atlas_otel.cli import main


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("arguments", "code", "section"),
    [
        (["sessions", "list", "--database-url", "mysql://x"], 2, "a-setting-is-wrong"),
        (["sessions", "list", "--database-url", "postgresql://127.0.0.1:1/x"], 1, "the-database-cannot-be-reached"),
        (["run", "--config", "missing.yaml", "--task", "t"], 2, "a-setting-is-wrong"),
    ],
)
def test_a_terminal_gets_the_section_and_a_pipe_one_line(
    arguments: list[str], code: int, section: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == code
    assert len(capsys.readouterr().err.splitlines()) == 1
    terminal = Terminal()
    monkeypatch.setattr("sys.stderr", terminal)
    assert main(arguments) == code
    said, more = terminal.getvalue().splitlines()
    assert said.startswith("atlas-otel: ")
    assert more == f"  more: docs/troubleshooting.md#{section}"
