"""What a projector remembers stays within its bound, together with what it is about to read."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from atlas_otel.postgres.following import Followed, Following


def _followed(weight: int) -> Followed:
    running = cast("Any", SimpleNamespace(rows=SimpleNamespace(session=SimpleNamespace(status="running"))))
    return Followed(1, 5, cast("Any", None), 100, running, weight)


@pytest.mark.parametrize(
    ("reads", "weight", "left"),
    [
        ((), 0, ["a", "b", "c"]),
        ((), 10, ["a", "b", "c"]),
        ((), 11, ["b", "c"]),
        (("new",), 60, ["c"]),
        (("a",), 60, ["a", "c"]),
        (("a", "b", "c"), 100, ["a", "b", "c"]),
        ((), 100, []),
    ],
)
def test_others_are_forgotten_for_what_is_read(reads: tuple[str, ...], weight: int, left: list[str]) -> None:
    following = Following(100)
    for key in "abc":
        following.put(key, _followed(30))
    following.make_room(reads, weight)
    assert [key for key in "abc" if following.revision(key, 1, 5)] == left
    for key in left:
        assert following.take(key, 1, 5) is not None
    following.put("d", _followed(100))
    assert following.weight("d") == 100, "what was forgotten weighs nothing"


def test_without_a_bound_nothing_is_forgotten() -> None:
    following = Following()
    following.put("a", _followed(10**9)._replace(records=1_000))
    following.make_room((), 10**9)
    assert following.revision("a", 1, 5) == 5
