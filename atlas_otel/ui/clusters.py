"""Which clusters the failures of sessions are of: named once, by the rule of ``stats --failures``."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.look.failures import Failure, clusters, innermost
from atlas_otel.postgres.statements import statement

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    import psycopg

    from atlas_otel.look.failures import FailureCluster

_AT_ONCE: Final = 2_000
_PACKAGE: Final = "atlas_otel.ui"


class Failing(NamedTuple):
    """A session with its failures as ``session_facts`` keeps them."""

    session_id: int
    created_at: datetime
    failures: Sequence[Sequence[Any]]


def name_clusters(connection: psycopg.Connection[Any]) -> int:
    """Name the clusters of sessions whose failures nobody has looked at; of how many."""
    rows = connection.execute(statement("failing", _PACKAGE), {"limit": _AT_ONCE}).fetchall()
    found = [Failing(*row) for row in rows]
    if found:
        ids, names = [], []
        for one in found:
            for name in {cluster_id(cluster) for cluster in clusters_of(one)} or {""}:
                ids.append(one.session_id)
                names.append(name)
        connection.execute(statement("name_clusters", _PACKAGE), {"ids": ids, "names": names})
    return len(found)


def clusters_of(session: Failing) -> list[FailureCluster]:
    """The clusters of one session's failures."""
    failures = []
    for event_type, name, uuid, parent, error_type, message in session.failures:
        kind = "TASK_END" if event_type == "rejected" else event_type
        failures.append(
            Failure(session.session_id, None, session.created_at, kind, name, uuid, parent, error_type, message)
        )
    return list(clusters(innermost(failures)))


def cluster_id(cluster: FailureCluster) -> str:
    """Twelve hex digits that all failures of the cluster share."""
    said = "\x00".join((cluster.kind, cluster.name, cluster.error_type, cluster.message))
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()
