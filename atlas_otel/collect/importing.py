"""Traces in files, or in a Jaeger → a store. Whoever imports the same again changes nothing."""

from __future__ import annotations

import io
import sys
import zlib
from collections import Counter
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final, cast

from atlas_otel.collect.decoding import cost_of
from atlas_otel.collect.gunzip import reading
from atlas_otel.errors import RecordError, StoreError, UsageError
from atlas_otel.otlp.documents import decode_document
from atlas_otel.otlp.json import load_json
from atlas_otel.projection.dialects import is_understood
from atlas_otel.records.record import EventRecord, SpanRecord

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from atlas_otel.capture.capture import Capture
    from atlas_otel.errors import AtlasOtelError
    from atlas_otel.records.record import Record
    from atlas_otel.records.store import Store

STANDARD_INPUT: Final = "-"
_BATCH: Final = 512
_GZIP: Final = b"\x1f\x8b"
_MAX_PROBLEMS: Final = 20
_JAEGER_S: Final = 60.0
MAX_DOCUMENT_BYTES: Final = 256 * 1024 * 1024
_DECODED: Final = 8


@dataclass
class Imported:
    """What became of what was read. ``problems``: the first of those lines and spans that were not taken, with why."""

    spans: int = 0
    events: int = 0
    traces: set[str] = field(default_factory=set)
    sessions: int = 0
    not_understood: Counter[str] = field(default_factory=Counter)
    """Spans that look like model calls in a form that is not read, by instrumentation scope: they are kept."""
    unread: int = 0
    refused: int = 0
    problems: list[str] = field(default_factory=list)
    failures: list[AtlasOtelError] = field(default_factory=list)
    """Files that could not be opened, and traces that a Jaeger did not give: nothing is known of what they hold."""

    @property
    def complete(self) -> bool:
        """Whether everything was taken."""
        return not (self.unread or self.refused or self.failures)

    def problem(self, text: str) -> None:
        """Remember one, while there are few."""
        if len(self.problems) < _MAX_PROBLEMS:
            self.problems.append(text)


class Importer:
    """Imports into ``store``. ``capture``: what may be kept. ``progress`` is told now and then how far it is."""

    def __init__(
        self,
        store: Store,
        capture: Capture,
        progress: Callable[[Imported], None],
        *,
        max_document_bytes: int = MAX_DOCUMENT_BYTES,
    ) -> None:
        """``max_document_bytes``: of one line, or one document over many; decoded it may take eight times that."""
        self._max_bytes = max_document_bytes
        self._store = store
        self._capture = capture
        self._progress = progress
        self._waiting: list[Record] = []
        self.imported = Imported()

    def add_file(self, name: str) -> None:
        """A file of JSON lines, or of one document; gzip or not; ``-``: standard input.

        Of one that ends in the midst, or is broken from somewhere on, what comes before is taken.
        """
        try:
            with _opened(name) as file:
                self._add_lines(name, file)
        except (OSError, EOFError) as error:
            reason = getattr(error, "strerror", None) or "it is not whole"
            self.imported.failures.append(UsageError(f"cannot read {name}: {reason}"))

    def add_from_jaeger(self, url: str, trace_id: str) -> None:
        """A trace from Jaeger's ``/api/v3``."""
        try:
            found = _from_jaeger(url, trace_id)
        except (UsageError, StoreError) as error:
            self.imported.failures.append(error)
        else:
            self._add_lines(f"trace {trace_id}", io.BytesIO(found))

    def finish(self) -> Imported:
        """Store what waits, and bring the sessions' rows up to date."""
        self._write()
        self._store.settle(self.imported.traces)
        while done := self._store.project():
            self.imported.sessions += done
        return self.imported

    def _add_lines(self, name: str, file: IO[bytes]) -> None:
        lines = _Lines(file, self._max_bytes)
        for number, document in _documents(lines, self._max_bytes):
            self._add(f"{name}, line {number}", document)
        if lines.broken is not None:
            self.imported.unread += 1
            said = f"{name}, after line {lines.read}: {lines.broken}; what stands before it is taken"
            self.imported.problems.append(said)  # however many there are

    def _add(self, place: str, document: bytes) -> None:
        try:
            if cost_of(document, "json") > _DECODED * self._max_bytes:
                raise RecordError(f"it decodes to over {_DECODED * self._max_bytes} bytes: split it")
            decoded = decode_document(load_json(document), self._capture)
        except RecordError as error:
            self.imported.unread += 1
            self.imported.problem(f"{place}: {str(error).replace('the body', 'it')}")
            return
        if decoded.refused:
            self.imported.refused += decoded.refused
            self.imported.problem(f"{place}: {decoded.message}")
        self._waiting += decoded.records
        self.imported.not_understood.update(
            one.scope for one in decoded.records if isinstance(one, SpanRecord) and not is_understood(one)
        )
        while len(self._waiting) >= _BATCH:
            self._write()

    def _write(self) -> None:
        batch, self._waiting = self._waiting[:_BATCH], self._waiting[_BATCH:]
        result = self._store.write(batch)
        for poisoned in result.poisoned:
            self.imported.refused += 1
            self.imported.problem(f"span {poisoned.record.trace_id}/{poisoned.record.span_id}: {poisoned.reason}")
        events = sum(isinstance(record, EventRecord) for record in batch)
        self.imported.events += events
        self.imported.spans += len(batch) - events - len(result.poisoned)
        self.imported.traces.update(record.trace_id for record in batch)
        self._progress(self.imported)


@contextmanager
def _opened(name: str) -> Iterator[IO[bytes]]:
    with ExitStack() as held:
        if name == STANDARD_INPUT:
            source = cast("io.BufferedReader", sys.stdin.buffer)
        else:
            source = held.enter_context(Path(name).open("rb"))
        packed = source.peek(2)[:2] == _GZIP
        yield reading(source) if packed else source


class _Lines:
    """The lines of a file, as far as it can be read. ``broken``: why it could be no further."""

    def __init__(self, file: IO[bytes], max_bytes: int) -> None:
        self._file = file
        self._max_bytes = max_bytes
        self.read = 0
        self.broken: str | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            while line := self._file.readline(self._max_bytes + 1):
                if len(line) > self._max_bytes:
                    self.broken = f"the next line is over {self._max_bytes} bytes"
                    return
                self.read += 1
                yield line
        except EOFError:
            self.broken = "the gzip file ends in the midst"
        except zlib.error:
            self.broken = "the gzip file is broken"
        except OSError as error:
            self.broken = error.strerror or "it cannot be read"


def _documents(file: Iterable[bytes], max_bytes: int) -> Iterator[tuple[int, bytes]]:
    """JSON documents with their line: one on each line, or over many lines, one after the other. Of what goes on for
    over ``max_bytes`` each line is one."""
    size = 0
    lines = ((number, line) for number, line in enumerate(file, 1) if line.strip())
    waiting: list[tuple[int, bytes]] = []
    for number, line in lines:
        if not waiting:
            if _goes_on(line):
                size = len(line)
                waiting.append((number, line))
            else:
                yield number, line
            continue
        if len(waiting) == 1 and not _is_between(waiting[0][1]) and _is_object(line):
            # A torn line, for the next is whole.
            yield waiting.pop()
            yield number, line
            continue
        waiting.append((number, line))
        size += len(line)
        if size > max_bytes:
            yield from waiting
            waiting = []
            continue
        if _is_end(line) and _is_json(whole := _joined(waiting)):
            yield waiting[0][0], whole
            waiting = []
    if not waiting:
        return
    if any(_is_object(line) for _, line in waiting[1:]) and not _is_json(_joined(waiting)):
        yield from waiting  # what began was torn, and whole ones came after it
    else:
        yield waiting[0][0], _joined(waiting)


def _joined(lines: Iterable[tuple[int, bytes]]) -> bytes:
    return b"".join(line for _, line in lines)


def _is_end(line: bytes) -> bool:
    """Whether a line may be the last of a document over many lines: it closes, and is not indented."""
    return line.startswith((b"}", b"]")) and not line.rstrip().endswith(b",")


def _goes_on(line: bytes) -> bool:
    """Whether a line begins a document and does not end it."""
    said = line.strip()
    return said.startswith((b"{", b"[")) and not said.endswith(b"}") and not _is_json(said)


def _is_between(line: bytes) -> bool:
    """Whether a line ends where a document can go on."""
    return line.rstrip().endswith((b"{", b"[", b","))


def _is_object(line: bytes) -> bool:
    return line.lstrip().startswith(b"{") and _is_json(line)


def _is_json(text: bytes) -> bool:
    if cost_of(text, "json") > _DECODED * MAX_DOCUMENT_BYTES:
        return False
    try:
        load_json(text)
    except RecordError:
        return False
    return True


def _from_jaeger(url: str, trace_id: str) -> bytes:
    try:
        import httpx
    except ImportError:
        raise UsageError("--jaeger-url needs httpx: pip install 'atlas-otel[collect]'") from None

    where = f"{url.rstrip('/')}/api/v3/traces/{trace_id}"
    try:
        # Raw: what Jaeger shows has events sorted by name, and equal spans merged. Releases before 2.14 wrote it apart.
        asked = {"raw_traces": "true", "rawTraces": "true"}
        answer = httpx.get(where, params=asked, timeout=_JAEGER_S, follow_redirects=True)
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise StoreError(f"no answer from Jaeger at {url}: {type(error).__name__}") from None
    if answer.status_code == 404:
        raise UsageError(f"Jaeger at {url} has no trace {trace_id}")
    if not answer.is_success:
        raise StoreError(f"Jaeger at {url} answered {answer.status_code}")
    return answer.content
