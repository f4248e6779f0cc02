"""Splits: no task on two sides, the same ones every time, each with something where there is enough."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.errors import ExportError, UsageError
from atlas_otel_exporters.datasets.exclusion import Exclusion
from atlas_otel_exporters.datasets.splitting import TaskGroups, parse_splits

SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
runs = st.lists(st.tuples(st.sampled_from([None, "a", "b", "c"]), st.text(max_size=8)), min_size=1, max_size=30)


@given(runs, st.integers(0, 3))
def test_no_task_and_no_group_stands_on_two_sides(runs: list[tuple[str | None, str]], seed: int) -> None:
    groups = TaskGroups()
    names = [groups.add(group, task) for group, task in runs]
    assigned = groups.assign(names, SHARES, seed)
    sides: dict[object, set[str]] = {}
    for name, (group, task) in zip(names, runs, strict=True):
        split = assigned[groups.representative(name)]
        sides.setdefault(("task", " ".join(task.casefold().split())), set()).add(split)
        if group is not None:
            sides.setdefault(("group", group), set()).add(split)
    assert all(len(splits) == 1 for splits in sides.values())


@given(st.integers(3, 60), st.integers(0, 5))
def test_each_share_gets_tasks_and_the_order_does_not_matter(count: int, seed: int) -> None:
    def divided(order: list[int]) -> dict[str, str]:
        groups = TaskGroups()
        names = [groups.add(None, f"task {number}") for number in order]
        assigned = groups.assign(names, SHARES, seed)
        return {name: assigned[groups.representative(name)] for name in names}

    one = divided(list(range(count)))
    assert set(one.values()) == set(SHARES)
    assert one == divided(list(reversed(range(count))))


def test_tasks_that_are_nearly_the_same_are_counted_across_splits_and_joined_on_request() -> None:
    text = "Please read the following report and list every date in it in the order of the calendar, one a line"
    tasks = [text, text + ", briefly", *(f"something else {n}" for n in range(8))]
    for join in (False, True):
        groups = TaskGroups(join_near=join)
        names = [groups.add(None, task) for task in tasks]
        seeds = [groups.assign(names, {"train": 0.5, "test": 0.5}, seed) for seed in range(20)]
        across = [len(groups.near_across(assigned)) for assigned in seeds]
        assert (max(across), min(across)) == ((0, 0) if join else (1, 0))


@pytest.mark.parametrize("text", ["train", "train=0.5", "train=0.5,dev=0.5", "train=2,test=-1", "train=x,test=1", ""])
def test_shares_that_make_no_whole_are_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--split"):
        parse_splits(text)


def test_what_is_held_out_is_found_in_tasks_and_requests(tmp_path) -> None:
    path = tmp_path / "held.txt"
    path.write_text('Sort the list.\n{"task": "Add"}\n{"messages": [{"role": "user", "content": "2 + 2?"}]}\n')
    held = Exclusion(path)
    held.check("k", "Another", b'{"messages": [{"role": "assistant", "content": "Add"}]}')
    for task, line in (
        ("sort  THE list", b"{}"),
        ("x", b'{"prompt": [{"role": "user", "content": "2 + 2?"}]}'),
        ("x", b'{"input": {"messages": [{"role": "user", "content": "add"}]}}'),
    ):
        with pytest.raises(ExportError, match="session k holds what line"):
            held.check("k", task, line)
    for content in ("", "{broken\n"):
        path.write_text(content)
        with pytest.raises(UsageError, match="--exclude"):
            Exclusion(path)
