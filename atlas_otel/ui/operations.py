"""Every operation of the API: its path, what it takes and gives, and who may ask. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from atlas_otel.ui.shapes import datasets, plots, review, sessions, setup, transcript

if TYPE_CHECKING:
    from pydantic import BaseModel

    from atlas_otel.ui.shapes.setup import Role

API: Final = "/api/v1"
Method = Literal["GET", "POST", "PUT", "DELETE"]

SESSION: Final = "session"
_OF_SESSION: Final = (SESSION,)


class Operation(NamedTuple):
    """One operation. ``path`` is below :data:`API`; its parameters stand in braces.

    ``answer`` is None where the answer is no JSON of ours: a file to download. ``tagged``: the answer has an ETag, and
    If-None-Match is answered with 304. ``conflicts``: a stale revision is answered with 409. ``missing``: 404.
    """

    id: str
    method: Method
    path: str
    summary: str
    role: Role
    tag: str
    answer: type[BaseModel] | None
    query: type[BaseModel] | None = None
    body: type[BaseModel] | None = None
    tagged: bool = False
    conflicts: bool = False
    missing: bool = False

    @property
    def writes(self) -> bool:
        """Whether it has to come from the page itself, with its token."""
        return self.method != "GET"


OPERATIONS: Final[tuple[Operation, ...]] = (
    Operation("health", "GET", "/health", "Whether the database answers.", "view", "setup", setup.Health),
    Operation("me", "GET", "/me", "Who asks, with the token for writes.", "view", "setup", setup.Me),
    Operation("setup", "GET", "/setup", "What the server is set up for.", "view", "setup", setup.Setup),
    # --- queue
    Operation(
        "listSessions",
        "GET",
        "/sessions",
        "A page of the sessions of a query.",
        "view",
        "queue",
        sessions.SessionPage,
        query=sessions.SessionPageQuery,
    ),
    Operation(
        "countSessions",
        "GET",
        "/counts",
        "How many sessions of a query there are, by status.",
        "view",
        "queue",
        sessions.Counts,
        query=sessions.SessionQuery,
    ),
    Operation("facets", "GET", "/facets", "The names that filters may take.", "view", "queue", sessions.Facets),
    Operation(
        "changes",
        "GET",
        "/changes",
        "Sessions that appeared or changed since a cursor: asked again and again, the page is live.",
        "view",
        "queue",
        sessions.Changes,
        query=sessions.ChangesQuery,
    ),
    Operation("listFilters", "GET", "/filters", "Filters that were kept.", "view", "queue", sessions.SavedFilters),
    Operation(
        "saveFilter",
        "PUT",
        "/filters/{name}",
        "Keep a filter under a name; in place of one's own of that name.",
        "review",
        "queue",
        sessions.SavedFilter,
        body=sessions.FilterBody,
        conflicts=True,
    ),
    Operation(
        "deleteFilter",
        "DELETE",
        "/filters/{name}",
        "Forget one's own filter.",
        "review",
        "queue",
        sessions.SavedFilters,
        missing=True,
    ),
    # --- transcript
    Operation(
        "session",
        "GET",
        "/sessions/{session}",
        "One session, without the payloads of its spans.",
        "view",
        "transcript",
        transcript.Session,
        tagged=True,
        missing=True,
    ),
    Operation(
        "skeleton",
        "GET",
        "/sessions/{session}/skeleton",
        "All spans of a session, without payloads.",
        "view",
        "transcript",
        transcript.Skeleton,
        tagged=True,
        missing=True,
    ),
    Operation(
        "span",
        "GET",
        "/sessions/{session}/spans/{span}",
        "One span with its payload; a model call as every export reads it.",
        "view",
        "transcript",
        transcript.SpanDetail,
        tagged=True,
        missing=True,
    ),
    Operation(
        "payload",
        "GET",
        "/sessions/{session}/spans/{span}/payloads/{part}",
        "A payload as a file: `input`, `output`, `call` or `record`.",
        "view",
        "transcript",
        None,
        missing=True,
    ),
    Operation(
        "records",
        "GET",
        "/sessions/{session}/records",
        "The raw record: rows of the contract and events as they are stored.",
        "view",
        "transcript",
        transcript.RawRecords,
        query=transcript.RecordQuery,
        missing=True,
    ),
    Operation(
        "recordsFile",
        "GET",
        "/sessions/{session}/records.jsonl",
        "The raw record as a file.",
        "view",
        "transcript",
        None,
        missing=True,
    ),
    Operation(
        "lines",
        "GET",
        "/sessions/{session}/lines",
        "The training lines that come of a session, through the export's own code.",
        "view",
        "transcript",
        transcript.Lines,
        query=transcript.LinesQuery,
        missing=True,
    ),
    Operation(
        "linesFile",
        "GET",
        "/sessions/{session}/lines.jsonl",
        "The training lines as a file.",
        "view",
        "transcript",
        None,
        query=transcript.LinesQuery,
        missing=True,
    ),
    # --- review
    Operation(
        "review",
        "GET",
        "/sessions/{session}/review",
        "What reviewers said on a session, and what it comes to.",
        "view",
        "review",
        review.ReviewState,
        tagged=True,
        missing=True,
    ),
    Operation(
        "decide",
        "POST",
        "/sessions/{session}/review",
        "Say something on a session as it was at a revision: verdict, scores, notes, tags, corrections, undo.",
        "review",
        "review",
        review.ReviewState,
        body=review.ReviewBody,
        conflicts=True,
        missing=True,
    ),
    Operation(
        "reserve",
        "POST",
        "/sessions/{session}/reservation",
        "Look at a session alone for a while; again, to go on.",
        "review",
        "review",
        sessions.Reservation,
        body=review.ReserveBody,
        conflicts=True,
        missing=True,
    ),
    Operation(
        "release",
        "DELETE",
        "/sessions/{session}/reservation",
        "Let others look at a session.",
        "review",
        "review",
        review.ReviewState,
        missing=True,
    ),
    Operation(
        "nextSession",
        "POST",
        "/review/next",
        "Reserve the next session of a query that nobody else looks at.",
        "review",
        "review",
        review.NextSession,
        body=review.NextBody,
    ),
    Operation(
        "previewBulk",
        "POST",
        "/review/bulk/preview",
        "How many sessions of a query something would be done to.",
        "review",
        "review",
        review.BulkPreview,
        body=review.BulkPreviewBody,
    ),
    Operation(
        "bulk",
        "POST",
        "/review/bulk",
        "Do something to every session of a query, as it was previewed.",
        "review",
        "review",
        review.BulkResult,
        body=review.BulkBody,
        conflicts=True,
    ),
    Operation(
        "agreement",
        "GET",
        "/review/agreement",
        "How far reviewers agree on verdicts and on each criterion.",
        "view",
        "review",
        review.Agreement,
        query=sessions.SessionQuery,
    ),
    # --- plots and comparisons
    Operation("plots", "GET", "/plots", "Numbers by day.", "view", "plots", plots.Plots, query=plots.PlotQuery),
    Operation(
        "failures",
        "GET",
        "/failures",
        "What fails, in clusters, by day.",
        "view",
        "plots",
        plots.Failures,
        query=plots.FailureQuery,
    ),
    Operation(
        "throughput",
        "GET",
        "/throughput",
        "How fast review goes.",
        "view",
        "plots",
        plots.Throughput,
        query=plots.FailureQuery,
    ),
    Operation(
        "compareSessions",
        "GET",
        "/compare/sessions",
        "Two sessions, steps or attempts side by side.",
        "view",
        "compare",
        plots.SessionComparison,
        query=plots.CompareSessionsQuery,
        missing=True,
    ),
    Operation(
        "compareGroups",
        "POST",
        "/compare/groups",
        "Two sets of sessions side by side.",
        "view",
        "compare",
        plots.GroupComparison,
        body=plots.CompareGroupsBody,
    ),
    Operation(
        "compareDatasets",
        "GET",
        "/compare/datasets",
        "Two datasets side by side.",
        "view",
        "compare",
        datasets.DatasetComparison,
        query=datasets.CompareDatasetsQuery,
        missing=True,
    ),
    # --- datasets
    Operation("listDatasets", "GET", "/datasets", "What was made.", "view", "datasets", datasets.Datasets),
    Operation(
        "dataset",
        "GET",
        "/datasets/{name}",
        "One dataset: counts, splits, lineage.",
        "view",
        "datasets",
        datasets.Dataset,
        missing=True,
    ),
    Operation("listBuilds", "GET", "/builds", "Builds that were asked for.", "view", "datasets", datasets.Builds),
    Operation(
        "build",
        "POST",
        "/builds",
        "Make a dataset of a query.",
        "review",
        "datasets",
        datasets.Build,
        body=datasets.BuildBody,
        conflicts=True,
    ),
    Operation(
        "buildState",
        "GET",
        "/builds/{id}",
        "How far a build is.",
        "view",
        "datasets",
        datasets.Build,
        missing=True,
    ),
)
