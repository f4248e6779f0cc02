"""Two sessions, two sets of sessions, or two datasets, side by side."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.errors import UsageError
from atlas_otel.look import difference
from atlas_otel.postgres.reader import read_rows_of
from atlas_otel.postgres.session_names import find_sessions
from atlas_otel.postgres.statements import composable
from atlas_otel.ui.asking import missing
from atlas_otel.ui.datasets import dataset_view, named_dataset, sessions_of
from atlas_otel.ui.session_list import from_tables, parameters, which
from atlas_otel.ui.shapes import datasets as dataset_shapes
from atlas_otel.ui.shapes import plots as shapes

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.ui.asking import Answered, Ask
    from atlas_otel.ui.shapes.sessions import SessionQuery

_PACKAGE: Final = "atlas_otel.ui"
_LINES: Final = 20_000


def compare_sessions(ask: Ask) -> shapes.SessionComparison:
    """Two sessions, steps or attempts."""
    query = ask.queried(shapes.CompareSessionsQuery)
    left, left_number = _document(ask, query.left)
    right, right_number = _document(ask, query.right)
    sections = [
        shapes.ComparedSection(
            heading=one.heading,
            same=one.same,
            lines=[shapes.ComparedLine(mark=pair.mark, left=pair.left, right=pair.right) for pair in one.pairs],
        )
        for one in difference.compare(left, right)
    ]
    return shapes.SessionComparison(left=left_number, right=right_number, sections=sections)


def _document(ask: Ask, name: str) -> tuple[dict[str, list[str]], int]:
    side = difference.side(name)
    try:
        (ids,) = find_sessions(ask.connection, [side.session])
    except UsageError as error:
        raise missing(str(error)) from None
    rows = read_rows_of(ask.connection, [ids.key]).get(ids.key) if ids.key is not None else None
    if rows is None or ids.id is None:
        raise UsageError(f"session {side.session} was not recorded by atlas-otel, or is not computed yet")
    found = difference.document(rows, side)
    if sum(map(len, found.values())) > _LINES:
        raise UsageError(f"{name} has more than {_LINES} lines: compare one of its steps ({side.session}@STEP)")
    return found, ids.id


def compare_groups(ask: Ask) -> shapes.GroupComparison:
    """Two sets of sessions that are over."""
    body = ask.given(shapes.CompareGroupsBody)
    return shapes.GroupComparison(left=_numbers(ask, body.left), right=_numbers(ask, body.right))


def _numbers(ask: Ask, query: SessionQuery) -> shapes.GroupNumbers:
    counting = composable("group_numbers", _PACKAGE).format(**{"from": from_tables(with_facts=True)}, which=which())
    row = ask.connection.execute(counting, parameters(query)).fetchone()
    assert row is not None
    return shapes.GroupNumbers(**dict(zip(shapes.GroupNumbers.model_fields, row, strict=True)))


def compare_datasets(ask: Ask) -> dataset_shapes.DatasetComparison:
    """Two datasets, and which sessions they share."""
    query = ask.queried(dataset_shapes.CompareDatasetsQuery)
    left, right = named_dataset(ask.options.datasets, query.left), named_dataset(ask.options.datasets, query.right)
    ours, theirs = sessions_of(left), sessions_of(right)
    return dataset_shapes.DatasetComparison(
        left=dataset_view(left),
        right=dataset_view(right),
        sessions_in_both=len(ours & theirs),
        sessions_left_only=len(ours - theirs),
        sessions_right_only=len(theirs - ours),
    )


HANDLERS: Final[dict[str, Callable[[Ask], Answered]]] = {
    "compareSessions": compare_sessions,
    "compareGroups": compare_groups,
    "compareDatasets": compare_datasets,
}
