"""Which split each task's rows go to: no task stands on two sides; near-duplicates that do are counted. Pure."""

from __future__ import annotations

import math
from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from xxhash import xxh64_intdigest

from atlas_otel.errors import UsageError
from atlas_otel_exporters.datasets.manifest import SPLITS
from atlas_otel_exporters.training.task_group import normalised_task

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

NEAR: Final = 0.8
"""Two tasks whose word sequences overlap by so much (Jaccard index of word triples) are near-duplicates."""
_BANDS: Final = 16
_ROWS: Final = 2
_WORDS: Final = 3


def parse_splits(text: str) -> dict[str, float]:
    """``train=0.9,validation=0.05,test=0.05`` as shares. Raises UsageError where they are no shares of one whole."""
    shares: dict[str, float] = {}
    for part in text.split(","):
        name, _, share = part.strip().partition("=")
        try:
            shares[name] = float(share)
        except ValueError:
            raise UsageError(f"--split {text}: {part.strip()!r} is not a share, such as train=0.9") from None
    if unknown := [name for name in shares if name not in SPLITS]:
        raise UsageError(f"--split {text}: there is no split {', '.join(unknown)}; name {', '.join(SPLITS)}")
    if not all(0 <= share <= 1 for share in shares.values()) or not math.isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise UsageError(f"--split {text}: the shares are from 0 to 1, and have to add up to 1")
    return shares


class TaskGroups:
    """Joins what belongs together: runs with one group, and tasks that are spelt alike.

    ``join_near``: near-duplicates too. Tasks made from one template are such, and then all of them stand on one side.
    """

    def __init__(self, *, join_near: bool = False) -> None:
        self._join_near = join_near
        self._parents: dict[str, str] = {}
        self._bands: dict[tuple[int, int], str] = {}
        self._shingles: dict[str, frozenset[int]] = {}
        self._near: list[tuple[str, str]] = []

    def add(self, group: str | None, task: str) -> str:
        """Take a run in; what it is called from now on."""
        spelt = "task:" + normalised_task(task)
        known = spelt in self._parents
        self._parents.setdefault(spelt, spelt)
        if group is not None:
            named = f"group:{group}"
            self._parents.setdefault(named, named)
            self._join(named, spelt)
        if not known:
            self._find_near(spelt, task)
        return spelt

    def representative(self, name: str) -> str:
        """The same for all that belongs together."""
        root = name
        while self._parents[root] != root:
            root = self._parents[root]
        while self._parents[name] != root:
            self._parents[name], name = root, self._parents[name]
        return root

    def assign(self, names: Iterable[str], shares: Mapping[str, float], seed: int) -> dict[str, str]:
        """The split of each representative. Each split with a share gets one at least, where there are enough."""
        roots = {self.representative(name) for name in names}
        ordered = sorted(roots, key=lambda root: blake2b(f"{seed}:{root}".encode(), digest_size=16).digest())
        assigned: dict[str, str] = {}
        wanted = [(split, shares[split]) for split in reversed(SPLITS) if shares.get(split)]
        for number, (split, share) in enumerate(wanted, start=1):
            left = len(ordered) - len(assigned)
            last = number == len(wanted)
            take = left if last else min(max(round(share * len(ordered)), 1), max(left - (len(wanted) - number), 0))
            for root in ordered[len(assigned) : len(assigned) + take]:
                assigned[root] = split
        return assigned

    def near_across(self, assigned: Mapping[str, str]) -> list[tuple[str, str]]:
        """Near-duplicate tasks that stand in different splits."""
        sides = [(pair, [assigned.get(self.representative(one)) for one in pair]) for pair in self._near]
        return [pair for pair, (one, other) in sides if one != other and one is not None and other is not None]

    def _join(self, one: str, other: str) -> None:
        first, second = sorted((self.representative(one), self.representative(other)))
        self._parents[second] = first

    def _find_near(self, name: str, task: str) -> None:
        words = frozenset(_shingles(task))
        self._shingles[name] = words
        for band in _signature(words):
            other = self._bands.setdefault(band, name)
            if other == name or (self._near and self._near[-1] == (name, other)):
                continue
            if _overlap(words, self._shingles[other]) >= NEAR:
                self._near.append((name, other))
                if self._join_near:
                    self._join(name, other)


def _shingles(task: str) -> Iterator[int]:
    words = normalised_task(task).split()
    for start in range(max(len(words) - _WORDS + 1, 1)):
        yield xxh64_intdigest(" ".join(words[start : start + _WORDS]).encode("utf-8", "surrogatepass"))


def _signature(words: frozenset[int]) -> Iterator[tuple[int, int]]:
    """Locality-sensitive: sets that overlap much share one of these."""
    for band in range(_BANDS):
        rows = [
            min(xxh64_intdigest(word.to_bytes(8, "little"), seed=band * _ROWS + row) for word in words)
            for row in range(_ROWS)
        ]
        yield band, hash(tuple(rows))


def _overlap(one: frozenset[int], other: frozenset[int]) -> float:
    return len(one & other) / len(one | other)
