"""The benchmarks' own arithmetic and report. Nothing is measured here: that takes minutes and a quiet machine."""

from __future__ import annotations

import ast
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks import environments, running
from benchmarks.finding import Finding, Growth, Ratio, from_json, to_json
from benchmarks.measuring import alternate, percentile, rate_ratio, ratio
from benchmarks.options import Options
from benchmarks.plot import bars, draw
from benchmarks.report import Setting, clean, write
from benchmarks.saving import Result, load, save

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parents[3]
FINDINGS = [
    Finding("a", "b", 1.0, Ratio(0.9, 0.8, 1.2, 15), checked="all there"),
    Finding("c", "d", 0.5, Ratio(0.4, 0.3, 0.6, 15), better="higher", note="it waits in /some/folder/of/mine/file.py"),
    Finding("e", "", 120, value=119.5, unit="MB"),
    Finding("f", "peer", 1.3, note="not installed: no such version"),
    Finding("g", "h", None, Ratio(2.0, 1.9, 2.1, 15)),
]
GROWTH = Growth("Cost by size", "bytes", "× raw", {"ours": [(1.0, 1.5), (1000.0, 2.5)], "one": [(10.0, 1.0)]}, "a note")
SETTING = Setting([("cores", "2")], [("Python", "3.11")])


def test_ratios_are_taken_round_by_round() -> None:
    # The machine is ten times as slow in the last rounds, for both sides alike.
    found = ratio([1.0, 2.0, 10.0, 20.0], [2.0, 4.0, 20.0, 40.0])
    assert found == Ratio(0.5, 0.5, 0.5, 4)
    assert rate_ratio([1.0, 1.0], [2.0, 4.0]).median == 3.0
    with pytest.raises(ValueError, match="round"):
        ratio([], [])
    with pytest.raises(ValueError, match=r"longer|shorter"):
        ratio([1.0], [1.0, 2.0])


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1))
def test_a_percentile_lies_between_the_values(values: list[float], share: float) -> None:
    assert min(values) <= percentile(values, share) <= max(values)
    assert percentile(values, 0) == min(values)
    assert percentile(values, 1) == max(values)


def test_the_sides_take_turns_and_the_first_one_changes() -> None:
    seen: list[str] = []
    sides = {"a": lambda: seen.append("a"), "b": lambda: seen.append("b"), "c": lambda: seen.append("c")}
    taken = alternate(sides, 3, between=lambda: seen.append("-"), warm=0)
    assert "".join(seen) == "-a-b-c" + "-b-c-a" + "-c-a-b"
    assert {name: len(times) for name, times in taken.items()} == {"a": 3, "b": 3, "c": 3}


def test_goals_met_missed_and_not_measured() -> None:
    assert [one.met for one in FINDINGS] == [True, False, True, False, None]


def test_what_is_saved_is_read_again(tmp_path: Path) -> None:
    result = Result("case", "What it says.", [*FINDINGS, GROWTH], 1.5, 15, load=0.5)
    save(result, tmp_path)
    assert load("case", tmp_path) == result
    assert load("another", tmp_path) is None
    assert from_json(to_json(GROWTH)) == GROWTH
    with pytest.raises(ValueError, match="not a finding"):
        from_json({"kind": "Telemetry"})


def test_the_page_shows_what_is_missed_and_what_was_not_measured() -> None:
    result = Result("case", "What it says.\n\nMore with ``code``.", [*FINDINGS, GROWTH], 1.5, 15)
    broken = Result("broken", "Another.", [], 0.1, 15, error="RuntimeError: lost 3 rows")
    page, plots = write([broken, result], SETTING)
    assert "4 goals, 2 missed." in page
    assert "| c | d | ≥ 0.5× | 0.4× (0.3–0.6, 15 rounds) | **missed** |" in page
    assert "| f | peer | ≤ 1.3× | not measured | **missed** |" in page
    assert "not installed: no such version" in page
    assert "lost 3 rows" in page
    assert "**Not measured:** decorated, exported, peers," in page
    assert "More with `code`." in page
    assert "/some/folder" not in page
    assert "quick run" not in page
    assert "was busy" not in page
    assert "load of up to 7" in write([Result("case", "", FINDINGS, 1.0, 15, load=7.0)], SETTING)[0]
    assert list(plots) == ["cost-by-size.svg"]
    assert "(performance/cost-by-size.svg)" in page
    # A failed case is seen although the others are fine, and each goal stands in the first table and in its case's.
    assert page.count("| a | b |") == 2


def test_a_plot_is_xml_with_a_mark_for_each_point() -> None:
    drawing = ElementTree.fromstring(draw(GROWTH))
    circles = [one for one in drawing.iter() if one.tag.endswith("circle")]
    heights = [float(one.attrib["cy"]) for one in circles]
    assert len(circles) == 3
    assert heights[1] < heights[0] < heights[2]  # 2.5 above 1.5 above 1.0
    ElementTree.fromstring(draw(Growth("empty & bare", "x", "y", {})))


def test_bars_show_every_ratio_that_there_is() -> None:
    drawing = ElementTree.fromstring(bars("Peers", FINDINGS))
    said = [one.text for one in drawing.iter() if one.tag.endswith("text")]
    assert said == ["Peers", "a", "0.9×", "c", "0.4×", "g", "2×"]
    ElementTree.fromstring(bars("none", []))


@given(st.dictionaries(st.text(max_size=5), st.lists(st.tuples(st.floats(1, 1e7), st.floats(0, 1e9)), max_size=4)))
def test_any_growth_can_be_drawn(series: dict[str, list[tuple[float, float]]]) -> None:
    series = {re.sub(r"[\x00-\x1f\ud800-\udfff￾￿]", "", name): points for name, points in series.items()}
    ElementTree.fromstring(draw(Growth("any", "x", "y", series)))


def test_no_path_or_address_of_the_machine_gets_into_the_page() -> None:
    said = clean("cannot open /home/me/.cache/x.py: see https://index.example/simple, or `make bench` and n/a")
    assert said == "cannot open …: see … or `make bench` and n/a"


@pytest.mark.parametrize("case", running.names())
def test_every_case_says_what_it_measures(case: str) -> None:
    tree = ast.parse((ROOT / "benchmarks" / "cases" / f"{case}.py").read_text("utf-8"))
    assert len(ast.get_docstring(tree) or "") > 80
    measures = [one for one in tree.body if isinstance(one, ast.FunctionDef) and one.name == "measure"]
    assert [argument.arg for argument in measures[0].args.args] == ["options"]


@pytest.mark.parametrize("case", running.names())
def test_every_case_imports(case: str) -> None:
    module = __import__(f"benchmarks.cases.{case}", fromlist=["measure"])
    assert callable(module.measure)


def test_every_peer_is_pinned() -> None:
    for file in environments.PEERS.glob("*.txt"):
        lines = [line for line in file.read_text("utf-8").splitlines() if line and not line.startswith("#")]
        assert "==" in lines[0], file.name


def test_a_peer_that_cannot_be_installed_says_why(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "absent.txt").write_text("no-such-package @ file:///nowhere/at-all-1.0-py3-none-any.whl\n")
    monkeypatch.setattr(environments, "PEERS", tmp_path)
    monkeypatch.setenv("ATLAS_OTEL_PEERS", str(tmp_path / "cache"))
    with pytest.raises(environments.NotInstalled, match=r"no-such-package|at-all|nowhere"):
        environments.peer_python("absent")
    assert not list((tmp_path / "cache").rglob("ready"))


def test_what_a_case_found_before_it_failed_is_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def measure(options: Options) -> Iterator[Finding]:
        yield FINDINGS[0]
        amid = load("fails", tmp_path)
        assert amid is not None
        assert amid.error  # a case that is killed here is not taken for one that is done
        raise RuntimeError(f"lost {options.rounds} rows")

    module = ModuleType("benchmarks.cases.fails", "It fails.")
    vars(module)["measure"] = measure
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setattr(running, "RESULTS", tmp_path)
    result = running.run_here("fails", Options(rounds=3))
    assert (result.found, result.error) == ([FINDINGS[0]], "RuntimeError: lost 3 rows")
    kept = load("fails", tmp_path)
    assert kept is not None
    assert (kept.found, kept.error) == (result.found, result.error)


def test_quick_picks_the_small_size() -> None:
    assert (Options().pick(10, 1), Options(quick=True).pick(10, 1)) == (10, 1)
