"""The ASGI application: ``POST /v1/traces`` and ``/v1/logs``, ``/healthz``, ``/readyz`` and ``/metrics``."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from atlas_otel.collect import answers
from atlas_otel.collect.body import Body, Budget, Disconnected, Refusal
from atlas_otel.collect.decoding import cost_of, decoded_parts
from atlas_otel.collect.metrics import CONTENT_TYPE as METRICS_TYPE
from atlas_otel.collect.metrics import Received, prometheus_text
from atlas_otel.collect.senders import REFRESH_S
from atlas_otel.errors import RecordError
from atlas_otel.otlp.parts import TooMuch
from atlas_otel.otlp.spans import Decoded
from atlas_otel.process.quiet_log import QuietLog
from atlas_otel.records.record import SpanRecord

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from atlas_otel.capture.capture import Capture
    from atlas_otel.collect.answers import Encoding
    from atlas_otel.collect.body import Receive
    from atlas_otel.collect.decoding import Signal
    from atlas_otel.collect.intake import Intake, ReceivedAccounts
    from atlas_otel.collect.senders import Ownership, Senders, Who
    from atlas_otel.collect.shared_numbers import SharedNumbers

    Send = Callable[[Any], Awaitable[None]]

TRACES: Final = "/v1/traces"
LOGS: Final = "/v1/logs"
METRICS: Final = "/v1/metrics"
_SIGNALS: Final = (TRACES, LOGS, METRICS)
_NO_METRICS: Final = "metrics are not kept here: traces are, and what logs say of model calls"
_RETRY_FULL_S: Final = 5
_LARGE: Final = 256 * 1024
_MAX_REASONS: Final = 3
_SHARE_S: Final = 1.0
"""How old another worker's numbers may be."""
_AT_ONCE: Final = 4
"""Requests that are decoded and stored at one time: they share one interpreter anyway."""
_ANSWER_S: Final = 8.0
"""From a whole body to its answer, where the database must commit first: OTLP senders wait for 10 s."""
_TURN_S: Final = 4.0
"""Of these: how long a body may wait for its turn."""

_log = logging.getLogger("atlas_otel.collect")
_seldom = QuietLog("atlas_otel.collect")


class Collector:
    """Takes traces. ``capture``: what may be kept of them. ``ownership``: asked about senders with a limited token."""

    def __init__(
        self,
        intake: Intake,
        accounts: ReceivedAccounts,
        capture: Capture,
        *,
        senders: Senders,
        ownership: Ownership | None,
        max_body_bytes: int,
        max_held_bytes: int,
        max_decoded_bytes: int,
        shared: SharedNumbers | None = None,
    ) -> None:
        self._intake = intake
        self._accounts = accounts
        self._capture = capture
        self._senders = senders
        self._ownership = ownership
        self._max_body_bytes = max_body_bytes
        self._budget = Budget(max_held_bytes)
        self._decoding = Budget(max_decoded_bytes)
        self._working = asyncio.Semaphore(_AT_ONCE)
        self._requests: Counter[int] = Counter()
        self._shared = shared
        self._bytes = 0
        self._refused = 0

    async def __call__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        headers = {name.lower(): value for name, value in scope["headers"]}
        encoding = answers.CONTENT_TYPES.get(_media_type(headers.get(b"content-type", b"")))
        path, method = scope["path"], scope["method"]
        try:
            if path in _SIGNALS:
                status, body, kind = await self._export(path, method, headers, encoding, receive)
                self._requests[status] += 1
            else:
                status, body, kind = self._look(path, method, headers)
            await _answer(send, status, body, kind)
        except Disconnected:
            self._requests[499] += 1
        except asyncio.CancelledError:
            # The process stops, and has waited for this request for as long as it may. Without an answer of ours the
            # server's would be 500, at which a sender by the specification gives up what it holds.
            self._requests[503] += 1
            stopping = Refusal(503, "the collector stops; send it again", retry_after=_RETRY_FULL_S)
            await _refuse(send, stopping, encoding or "protobuf")
        except Refusal as refusal:
            if path in _SIGNALS:
                self._requests[refusal.status] += 1
            await _refuse(send, refusal, encoding or "protobuf")
        except Exception as error:  # noqa: BLE001 — a defect of ours: this sender keeps what he has, the others go on
            _log.error("a request failed: %s", type(error).__name__)  # no traceback: it may show content
            self._requests[500] += 1
            defect = Refusal(503, "the collector failed on this request; send it again", retry_after=_RETRY_FULL_S)
            await _refuse(send, defect, encoding or "protobuf")

    async def health(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer one request at the listener of health (ASGI 3): everything but telemetry."""
        if scope["type"] != "http":
            return
        try:
            headers = {name.lower(): value for name, value in scope["headers"]}
            status, body, kind = self._look(scope["path"], scope["method"], headers)
            await _answer(send, status, body, kind)
        except Refusal as refusal:
            await _refuse(send, refusal, "json")

    async def keep_shared(self) -> None:
        """Let the other workers know this one's numbers, until cancelled."""
        while self._shared is not None:
            try:
                self._shared.keep(self._numbers())
            except OSError as error:  # a full disk, say: the next one may go in
                _seldom.warning("this worker's numbers cannot be shared: %s", error.strerror or error)
            await asyncio.sleep(_SHARE_S)

    async def _export(
        self, path: str, method: str, headers: Mapping[bytes, bytes], encoding: Encoding | None, receive: Receive
    ) -> tuple[int, bytes, str]:
        who = self._senders.who(headers.get(b"authorization", b""))
        if method != "POST":
            raise Refusal(405, "telemetry is sent with POST")
        if encoding is None:
            raise Refusal(415, "expected application/x-protobuf or application/json")
        packing = headers.get(b"content-encoding", b"identity").strip().lower()
        if packing not in (b"gzip", b"identity", b""):
            raise Refusal(415, "expected no content encoding, or gzip")
        stated = headers.get(b"content-length", b"0")
        if stated.isdigit() and int(stated) > self._max_body_bytes:
            raise Refusal(413, f"the body is over {self._max_body_bytes} bytes")
        body = Body(gzip=packing == b"gzip", max_bytes=self._max_body_bytes, budget=self._budget)
        try:
            data = await body.read(receive)
            summary = await self._kept(path, data, encoding, who, time.monotonic() + _ANSWER_S)
        finally:
            body.release()
        self._bytes += len(data)
        self._refused += summary.refused
        message = summary.message if path == TRACES else "; ".join(summary.reasons)
        answer = answers.success(encoding, refused=summary.refused, message=message)
        return 200, answer, answers.content_type(encoding)

    async def _kept(self, path: str, data: bytes, encoding: Encoding, who: Who, deadline: float) -> Decoded:
        """What became of a body's records, which are durable now. Raises Refusal."""
        if path == METRICS:
            # A sender of all signals is to go on with the others, and not to try this one for ever.
            return Decoded([], 0, 0, (_NO_METRICS,))
        cost = await asyncio.to_thread(cost_of, data, encoding) if len(data) > _LARGE else cost_of(data, encoding)
        if cost > self._decoding.most:
            raise Refusal(413, f"the body decodes to more than {self._decoding.most} bytes; send it in several")
        self._decoding.take(cost)
        try:
            try:
                await asyncio.wait_for(self._working.acquire(), _TURN_S)
            except asyncio.TimeoutError:
                raise Refusal(429, "too much is being decoded at once; send it again", retry_after=1) from None
            try:
                return await asyncio.to_thread(self._take, path, data, encoding, who, deadline)
            finally:
                self._working.release()
        finally:
            self._decoding.give_back(cost)

    def _take(self, path: str, data: bytes, encoding: Encoding, who: Who, deadline: float) -> Decoded:
        signal: Signal = "traces" if path == TRACES else "logs"
        spans = refused = 0
        reasons: dict[str, None] = {}
        try:
            for decoded in decoded_parts(data, signal, encoding, self._capture, who.sender):
                part = self._allowed(decoded, who)
                if not self._intake.take(part.records):
                    raise _no_room()
                spans, refused = spans + part.spans, refused + part.refused
                reasons.update(dict.fromkeys(part.reasons))
        except TooMuch as error:
            raise Refusal(413, str(error)) from None
        except RecordError as error:
            raise Refusal(400, str(error)) from None
        if not self._intake.committed(deadline - time.monotonic()):
            raise _no_room()
        return Decoded([], spans, refused, tuple(reasons)[:_MAX_REASONS])

    def _allowed(self, decoded: Decoded, who: Who) -> Decoded:
        """What of a part the sender may write."""
        if who.anywhere or who.sender.name is None or self._ownership is None:
            return decoded
        allowed = self._ownership.sifted(decoded.records, who.sender.name)
        spans = sum(isinstance(record, SpanRecord) for record in decoded.records)
        spans -= sum(isinstance(record, SpanRecord) for record in allowed)
        if len(allowed) == len(decoded.records):
            return decoded
        reasons = (*decoded.reasons, "a session or trace is another sender's")
        return decoded._replace(
            records=allowed, spans=decoded.spans - spans, refused=decoded.refused + spans, reasons=reasons
        )

    async def keep_senders(self) -> None:
        """Know the tokens as they are, until cancelled."""
        while self._senders.refreshes:
            await asyncio.sleep(REFRESH_S)
            await asyncio.to_thread(self._senders.refresh)

    def _look(self, path: str, method: str, headers: Mapping[bytes, bytes]) -> tuple[int, bytes, str]:
        if path not in ("/healthz", "/readyz", "/metrics"):
            raise Refusal(404, f"there is nothing here; traces go to {TRACES}")
        if method not in ("GET", "HEAD"):
            raise Refusal(405, "this is read with GET")
        if path == "/healthz":
            return 200, b"ok\n", "text/plain"
        if path == "/readyz":
            if self._intake.full:
                return 503, b"full\n", "text/plain"
            return 200, b"ready; the database is away\n" if self._intake.store_failures else b"ready\n", "text/plain"
        self._senders.who(headers.get(b"authorization", b""))
        numbers = self._numbers()
        return 200, (numbers if self._shared is None else self._shared.all(numbers)).encode(), METRICS_TYPE

    def _numbers(self) -> str:
        received = Received(
            dict(sorted(self._requests.items())),
            self._bytes,
            self._refused,
            dict(self._accounts.turned_away),
            self._intake.store_failures,
        )
        return prometheus_text(self._accounts.snapshot(), received)


def _no_room() -> Refusal:
    return Refusal(503, "there is no room for more at the moment; send it again", retry_after=_RETRY_FULL_S)


def _media_type(header: bytes) -> str:
    return header.partition(b";")[0].strip().lower().decode("latin-1")


async def _refuse(send: Send, refusal: Refusal, encoding: Encoding) -> None:
    more: list[tuple[bytes, bytes]] = [(b"connection", b"close")]  # what is left of the body is not read
    if refusal.retry_after is not None:
        more.append((b"retry-after", str(refusal.retry_after).encode()))
    if refusal.status == 401:
        more.append((b"www-authenticate", b"Bearer"))
    body = answers.failure(encoding, refusal.status, refusal.message)
    await _answer(send, refusal.status, body, answers.content_type(encoding), more)


async def _answer(
    send: Send, status: int, body: bytes, kind: str, more: list[tuple[bytes, bytes]] | None = None
) -> None:
    headers = [(b"content-type", kind.encode()), (b"content-length", str(len(body)).encode()), *(more or [])]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
