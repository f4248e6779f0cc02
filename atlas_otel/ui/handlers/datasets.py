"""Datasets: what was made, and making one of a query."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from psycopg import sql

from atlas_otel.errors import UsageError
from atlas_otel.ui.asking import Refused, missing
from atlas_otel.ui.datasets import dataset_view, listed, named_dataset
from atlas_otel.ui.session_list import from_tables, parameters, which
from atlas_otel.ui.shapes import datasets as shapes
from atlas_otel_exporters.datasets.create import Plan
from atlas_otel_exporters.selection import Selection, review_statuses

if TYPE_CHECKING:
    from collections.abc import Callable

    from atlas_otel.ui.asking import Answered, Ask

_SESSIONS: Final = 100_000


def list_datasets(ask: Ask) -> shapes.Datasets:
    """What was made."""
    folder = ask.options.datasets
    return shapes.Datasets(folder=None if folder is None else str(folder), datasets=listed(folder))


def dataset(ask: Ask) -> shapes.Dataset:
    """One dataset."""
    return dataset_view(named_dataset(ask.options.datasets, ask.path["name"]))


def list_builds(ask: Ask) -> shapes.Builds:
    """Builds that were asked for."""
    return shapes.Builds(builds=[shapes.Build(**asdict(one)) for one in ask.builds.all()])


def build_state(ask: Ask) -> shapes.Build:
    """How far a build is."""
    found = ask.builds.get(ask.path["id"])
    if found is None:
        raise missing(f"there is no build {ask.path['id']}")
    return shapes.Build(**asdict(found))


def build(ask: Ask) -> shapes.Build:
    """Make a dataset of a query, beside the requests."""
    body, parent = ask.given(shapes.BuildBody), ask.options.datasets
    if parent is None:
        raise UsageError("no datasets are made here: start the page with --datasets DIR")
    if abs(body.train + body.validation + body.test - 1) > 1e-9:
        raise UsageError("train, validation and test have to add up to 1")
    ids = [str(number) for number in _chosen(ask, body)]
    if not ids:
        raise UsageError("the query has no session that may be trained on: approve some, or ask for every status")
    if len(ids) > _SESSIONS:
        raise UsageError(f"the query has more than {_SESSIONS} sessions: use atlas-otel dataset create")
    parent.mkdir(parents=True, exist_ok=True)
    folder = parent / body.name
    if folder.exists():
        raise Refused(409, "conflict", f"there is something called {body.name} already")
    plan = Plan(
        name=body.name,
        format=body.format,
        selection=Selection(session_ids=tuple(ids), review_statuses=None if body.every_status else review_statuses()),
        split={"train": body.train, "validation": body.validation, "test": body.test},
        seed=body.seed,
        files=body.files,
    )
    begun = ask.builds.begin(folder, plan, ask.options.database_url)
    if begun is None:
        raise Refused(409, "conflict", "another dataset is being made: wait for it")
    return shapes.Build(**asdict(begun))


def _chosen(ask: Ask, body: shapes.BuildBody) -> list[int]:
    wanted = None if body.every_status else review_statuses()
    query = sql.SQL("SELECT theirs.id {} WHERE {} AND {} ORDER BY theirs.id LIMIT %(limit)s").format(
        from_tables(),
        which(),
        sql.SQL("(%(wanted)s::text[] IS NULL OR lower(theirs.review_status) = ANY (%(wanted)s::text[]))"),
    )
    asked = parameters(body.query) | {"wanted": None if wanted is None else sorted(wanted), "limit": _SESSIONS + 1}
    return [row[0] for row in ask.connection.execute(query, asked)]


HANDLERS: Final[dict[str, Callable[[Ask], Answered]]] = {
    "listDatasets": list_datasets,
    "dataset": dataset,
    "listBuilds": list_builds,
    "build": build,
    "buildState": build_state,
}
