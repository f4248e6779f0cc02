"""The ASGI application: guards, reads and answers each request; the work is the handlers'."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, ValidationError
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Match, Route

from atlas_otel.errors import AtlasOtelError, RetryableStoreError, StoreError, UsageError
from atlas_otel.review.store import StaleReview
from atlas_otel.ui.asking import Ask, File, Refused, Tagged
from atlas_otel.ui.guard import COOKIE, SECURITY_HEADERS, Denied, Given
from atlas_otel.ui.handlers import HANDLERS
from atlas_otel.ui.operations import API, OPERATIONS
from atlas_otel.ui.review_state import conflict
from atlas_otel.ui.shapes.base import Problem
from atlas_otel.ui.static_files import StaticFiles

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

    from atlas_otel.ui.builds import Builds
    from atlas_otel.ui.database import Database
    from atlas_otel.ui.guard import Guard
    from atlas_otel.ui.operations import Operation
    from atlas_otel.ui.options import UiOptions, User

RETRY_S: Final = 2
_MAX_BODY: Final = 1024 * 1024
_log = logging.getLogger("atlas_otel.ui")


class UiApp:
    """The page and its API, over one database."""

    def __init__(self, options: UiOptions, database: Database, guard: Guard, builds: Builds) -> None:
        self._options = options
        self._database = database
        self._guard = guard
        self._builds = builds
        self._files = StaticFiles()
        self._routes = [(Route(API + one.path, _nothing, methods=[one.method]), one) for one in OPERATIONS]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request (ASGI 3)."""
        if scope["type"] != "http":
            return
        response = await self._respond(Request(scope, receive))
        response.raw_headers.extend(SECURITY_HEADERS)
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        given = Given(request.method, _headers(request), request.cookies)
        try:
            self._guard.check_host(given)
            if request.url.path != "/api" and not request.url.path.startswith("/api/"):
                return self._page(request, given)
            self._guard.check_origin(given)
            operation, path = self._operation(request)
            user = self._guard.user(given)
            if not user.may(operation.role):
                raise Denied(403, "forbidden", f"{user.name} may {user.role}; this takes {operation.role}")
            if operation.writes:
                self._guard.check_write(given, user)
            query = _query(request, operation)
            body = await _body(request, operation)
            return await run_in_threadpool(self._answer, operation, user, path, query, body, given)
        except Denied as denied:
            headers = {"www-authenticate": "Bearer"} if denied.status == 401 else {}
            return _problem(denied.status, Problem(code=denied.code, message=denied.message), headers)
        except ValidationError as error:
            return _problem(400, Problem(code="bad_request", message=_said(error)))
        except Refused as refused:
            return _refusal(refused)

    def _operation(self, request: Request) -> tuple[Operation, Mapping[str, str]]:
        allowed = []
        for route, operation in self._routes:
            match, child = route.matches(request.scope)
            if match == Match.FULL and operation.method == request.method:
                return operation, child["path_params"]
            if match != Match.NONE:
                allowed.append(operation.method)
        if allowed:
            raise Denied(405, "method_not_allowed", f"this takes {', '.join(allowed)}")
        raise Denied(404, "not_found", "there is no such operation; see openapi.json")

    def _page(self, request: Request, given: Given) -> Response:
        if request.method not in ("GET", "HEAD"):
            raise Denied(405, "method_not_allowed", "the page is read with GET")
        token = request.query_params.get("token")
        if token is not None and (user := self._guard.of_token(token)) is not None and user:
            # Out of the address at once: it would stay in the history, and go on in what somebody copies.
            response: Response = RedirectResponse(request.url.path or "/", status_code=303)
            secure = request.url.scheme == "https"
            response.set_cookie(
                COOKIE, self._guard.cookie(token), httponly=True, samesite="strict", secure=secure, path="/"
            )
            return response
        return self._files.answer(request.url.path, given.headers.get("if-none-match"))

    def _answer(
        self,
        operation: Operation,
        user: User,
        path: Mapping[str, str],
        query: BaseModel | None,
        body: BaseModel | None,
        given: Given,
    ) -> Response:
        if any("\x00" in one for one in path.values()):
            return _problem(404, Problem(code="not_found", message="no name holds U+0000"))
        try:
            with self._database.connection() as connection:
                ask = Ask(user, self._options, connection, self._guard, self._builds, path, query, body)
                answer = HANDLERS[operation.id](ask)
        except Refused as refused:
            return _refusal(refused)
        except StaleReview as stale:
            return _refusal(conflict(stale))
        except UsageError as error:
            return _problem(400, Problem(code="bad_request", message=str(error)))
        except RetryableStoreError as error:
            if operation.id == "health":
                return _json(b'{"database":"away"}')
            problem = Problem(code="database_away", message=f"the database is away: {error}", retry_after_s=RETRY_S)
            return _problem(503, problem)
        except StoreError as error:
            if "permission denied" in str(error):
                return _problem(403, Problem(code="forbidden", message=str(error)))
            _log.error("%s failed: %s", operation.id, error)
            return _problem(500, Problem(code="failed", message=str(error)))
        except AtlasOtelError as error:
            return _problem(500, Problem(code="failed", message=str(error)))
        except Exception as error:  # a defect of ours: one request fails, the others go on  # noqa: BLE001
            _log.error("%s failed: %s", operation.id, type(error).__name__, exc_info=_log.isEnabledFor(logging.DEBUG))
            return _problem(500, Problem(code="failed", message=f"{operation.id} failed: {type(error).__name__}"))
        return _success(answer, given.headers.get("if-none-match"))


async def _nothing(_: Request) -> Response:
    """Routes only match here."""
    raise NotImplementedError


def _headers(request: Request) -> dict[str, str]:
    found: dict[str, str] = {}
    for name, value in request.headers.items():
        found[name] = f"{found[name]},{value}" if name in found else value
    return found


def _query(request: Request, operation: Operation) -> BaseModel | None:
    pairs = parse_qsl(request.scope["query_string"].decode("latin-1"), keep_blank_values=True)
    names = [name for name, _ in pairs]
    if len(set(names)) < len(names):
        raise Refused(400, "bad_request", "a parameter is given twice")
    if any("\x00" in value for _, value in pairs):
        raise Refused(400, "bad_request", "a parameter holds U+0000")
    if operation.query is None:
        if names:
            raise Refused(400, "bad_request", f"there is no parameter {names[0]}")
        return None
    return operation.query.model_validate(dict(pairs))


async def _body(request: Request, operation: Operation) -> BaseModel | None:
    if operation.body is None:
        return None
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json":
        raise Refused(415, "unsupported_media_type", "expected application/json")
    stated = request.headers.get("content-length", "0")
    if stated.isdigit() and int(stated) > _MAX_BODY:
        raise Refused(413, "too_large", f"the body is over {_MAX_BODY} bytes")
    data = b""
    async for part in request.stream():
        data += part
        if len(data) > _MAX_BODY:
            raise Refused(413, "too_large", f"the body is over {_MAX_BODY} bytes")
    body = operation.body.model_validate_json(data)
    if _holds_nul(body.model_dump()):
        raise Refused(400, "bad_request", "the body holds U+0000, which no database keeps")
    return body


def _holds_nul(value: object) -> bool:
    if isinstance(value, dict):
        return any(map(_holds_nul, value.values()))
    if isinstance(value, (list, tuple)):
        return any(map(_holds_nul, value))
    return isinstance(value, str) and "\x00" in value


def _said(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    where = ".".join(map(str, first["loc"])) or "the body"
    return f"{where}: {first['msg']}"


def _success(answer: Any, known: str | None) -> Response:
    if isinstance(answer, File):
        headers = {"content-disposition": f'attachment; filename="{answer.name}"', "cache-control": "no-store"}
        return Response(answer.content, 200, headers, "application/octet-stream")
    if isinstance(answer, Tagged):
        tag = f'"{answer.revision}"'
        headers = {"etag": tag, "cache-control": "private, no-cache"}
        if known is not None and tag in (one.strip().removeprefix("W/") for one in known.split(",")):
            return Response(None, 304, headers)
        return _json(_dumped(answer.answer), headers)
    return _json(_dumped(answer))


def _dumped(answer: Any) -> bytes:
    if isinstance(answer, bytes):
        return answer
    assert isinstance(answer, BaseModel)
    return orjson.dumps(answer.model_dump(mode="json"))


def _json(content: bytes, headers: Mapping[str, str] | None = None, status: int = 200) -> Response:
    whole = {"cache-control": "no-store", **(headers or {})}
    return Response(content, status, whole, "application/json")


def _refusal(refused: Refused) -> Response:
    problem = Problem(
        code=refused.code,
        message=str(refused),
        retry_after_s=refused.retry_after_s,
        revision=refused.revision,
        changes=refused.changes,
    )
    return _problem(refused.status, problem)


def _problem(status: int, problem: Problem, headers: Mapping[str, str] | None = None) -> Response:
    whole = {"cache-control": "no-store", **(headers or {})}
    if problem.retry_after_s is not None:
        whole["retry-after"] = str(problem.retry_after_s)
    return Response(_dumped(problem), status, whole, "application/problem+json")
