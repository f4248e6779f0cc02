"""The budget of instructions: how callgrind's sums are read, and what counts as over it."""

from __future__ import annotations

import json

import pytest

from atlas_otel.tracing.state import absorbed_counts
from benchmarks import budget
from benchmarks.budget import FEW, MANY, MARGIN, RAW, RAW_TALK, STORED, TALK, counted, main, over, ratios
from benchmarks.hot_path import paths


def test_a_calls_count_is_what_more_calls_add():
    once, call = 1_000_000, 200
    sums = [999, once + FEW * call, 5, once + MANY * call, 7, FEW * 30, 9, MANY * 30, 11]
    assert counted(sums, ["a", "b"]) == {"a": 200.0, "b": 30.0}


@pytest.mark.parametrize("sums", [[], [1, 2, 3], [1] * 11])
def test_sums_that_are_not_those_of_the_paths_are_refused(sums):
    with pytest.raises(ValueError, match="zip"):
        counted(sums, ["a", "b"])


def test_each_path_stands_beside_the_raw_span_with_the_same_argument():
    found = ratios({RAW: 100.0, RAW_TALK: 400.0, "call": 80.0, f"call{TALK}, spool": 600.0})
    assert found == {"call": 0.8, f"call{TALK}, spool": 1.5}


def test_a_path_may_take_its_budget_and_the_margin_and_needs_one():
    stored = {"a": 1.0, "b": 1.0}
    within = 1.0 + MARGIN
    assert over({"a": within, "b": within + 0.01, "c": 0.1}, stored) == ["b", "c"]


def test_the_budget_is_of_the_paths_that_are_counted_and_each_of_them_records(tmp_path):
    taken, empty = paths(tmp_path)
    assert set(json.loads(STORED.read_text())) == set(taken) - {RAW, RAW_TALK}
    before = absorbed_counts()
    for repeat in taken.values():
        repeat(2)
        empty()
    assert absorbed_counts() == before


def test_without_valgrind_it_says_so_and_nothing_fails(monkeypatch, capsys):
    monkeypatch.setenv("PATH", "")
    assert main([]) == 0
    assert capsys.readouterr().out == "budget: valgrind is not installed, so instructions are not counted\n"


def test_a_path_over_its_budget_fails_and_says_what_to_do(monkeypatch, capsys, tmp_path):
    budgets = json.loads(STORED.read_text())
    name = next(iter(budgets))
    (tmp_path / "budget.json").write_text(json.dumps({**budgets, name: budgets[name] / 2}))
    monkeypatch.setattr(budget, "STORED", tmp_path / "budget.json")
    monkeypatch.setattr("shutil.which", lambda program: program)
    raw = {RAW: 1000.0, RAW_TALK: 1000.0}
    monkeypatch.setattr(budget, "count", lambda valgrind: {**raw, **{key: 1000.0 * r for key, r in budgets.items()}})
    assert main([]) == 1
    said = capsys.readouterr().err
    assert f"Over the budget: {name}\n" in said
    assert "--update" in said
