"""How far reviewers agree, beyond what chance would bring about. Pure."""

from __future__ import annotations

from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable, Mapping, Sequence

Ratings: TypeAlias = "Mapping[Hashable, Mapping[str, Hashable]]"
"""By subject (a session, or a step of one): by reviewer, what they gave it."""


class PairOf(NamedTuple):
    """Two reviewers, on how many subjects both rated, and their kappa (None: not defined)."""

    a: str
    b: str
    subjects: int
    kappa: float | None


def cohen_kappa(pairs: Sequence[tuple[Hashable, Hashable]]) -> float | None:
    """Cohen's kappa of two reviewers' ratings of the same subjects; None where there are none, or where both gave
    everything the same one rating.

    >>> round(cohen_kappa([("y", "y"), ("y", "n"), ("n", "n"), ("n", "n")]), 3)
    0.5
    """
    total = len(pairs)
    if not total:
        return None
    same = sum(a == b for a, b in pairs) / total
    ours, theirs = Counter(a for a, _ in pairs), Counter(b for _, b in pairs)
    by_chance = sum(ours[rating] * theirs[rating] for rating in ours) / total**2
    return None if by_chance == 1 else (same - by_chance) / (1 - by_chance)


def fleiss_kappa(subjects: Sequence[Sequence[Hashable]]) -> float | None:
    """Fleiss' kappa over subjects that several reviewers rated, each by the reviewers that it had; those with fewer
    than two are left out. None where it is not defined.

    With as many ratings of each subject, it is Fleiss' own; else the shares of pairs and of ratings are weighted by how
    many there are.
    """
    rated = [Counter(one) for one in subjects if len(one) > 1]
    ratings = sum(map(sum, (one.values() for one in rated)))
    if not ratings:
        return None
    agreed = 0.0
    totals: Counter[Hashable] = Counter()
    for one in rated:
        count = sum(one.values())
        agreed += count * (sum(n * n for n in one.values()) - count) / (count * (count - 1))
        totals.update(one)
    same = agreed / ratings
    by_chance = sum((n / ratings) ** 2 for n in totals.values())
    return None if by_chance == 1 else (same - by_chance) / (1 - by_chance)


def observed(subjects: Sequence[Sequence[Hashable]]) -> float | None:
    """The share of pairs of ratings of one subject that are the same; None where there are none."""
    same = pairs = 0
    for one in subjects:
        for a, b in combinations(one, 2):
            pairs += 1
            same += a == b
    return same / pairs if pairs else None


def pairs_of(ratings: Ratings) -> list[PairOf]:
    """Each two reviewers that rated something together, in the order of their names."""
    held: dict[tuple[str, str], list[tuple[Hashable, Hashable]]] = {}
    for given in ratings.values():
        for a, b in combinations(sorted(given), 2):
            held.setdefault((a, b), []).append((given[a], given[b]))
    return [PairOf(a, b, len(pairs), cohen_kappa(pairs)) for (a, b), pairs in sorted(held.items())]
