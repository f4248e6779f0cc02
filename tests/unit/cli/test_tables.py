"""Tables and bars, as a pipe gets them."""

from __future__ import annotations

import pytest

from atlas_otel.cli.tables import Column, column_widths, name, number, print_bars, print_table, seconds


def test_a_pipe_gets_whole_cells_and_no_colour(capsys: pytest.CaptureFixture[str]) -> None:
    text = "[bold]x[/bold] " * 30
    print_table([Column("id", right=True), Column("status"), Column("task", cut=True)], [["1", "failed", text]])
    assert capsys.readouterr().out == f"id  status  task\n 1  failed  {text.rstrip()}\n"


def test_a_narrow_terminal_loses_optional_columns_and_the_ends_of_long_ones() -> None:
    columns = [Column("id"), Column("key", optional=True), Column("took", optional=True), Column("task", cut=True)]
    rows = [["1", "k" * 32, "12.5 s", "t" * 200]]
    assert column_widths(columns, rows, 80) == {0: 2, 1: 32, 2: 6, 3: 32}
    assert column_widths(columns, rows, 60) == {0: 2, 1: 32, 3: 20}
    assert column_widths(columns, rows, 30) == {0: 2, 3: 24}


def test_bars(capsys: pytest.CaptureFixture[str]) -> None:
    print_bars(["a", "bb", "c"], [1.0, 0.5, None], heading="reward")
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "reward"
    assert lines[1].startswith("a   █")
    assert lines[1].count("█") == 2 * lines[2].count("█")
    assert lines[3] == "c    -"


def test_amounts() -> None:
    assert [number(None), number(1234.0), number(0.5, 2)] == ["-", "1,234", "0.50"]
    assert [seconds(None), seconds(0.25), seconds(3.14), seconds(600)] == ["-", "250 ms", "3.1 s", "10.0 min"]
    assert name("a-long-tool-name-with-a-version-suffix-2", 24) == "a-long-tool…ion-suffix-2"
