"""``type: http_api``: an agent behind an HTTP endpoint. Trace context goes along, so that its spans join."""

from __future__ import annotations

import asyncio
import copy
import random
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import orjson
from opentelemetry import propagate

from atlas_otel.errors import AdapterError, ConfigError
from atlas_otel.tracing.context import session_key_of, with_session_in_baggage

if TYPE_CHECKING:
    import httpx

    from atlas_otel.models.config_agent import HTTPAgentConfig

RETRIED: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
"""Statuses after which the same call may go through later."""
_SHOWN = 200


class HTTPAgent:
    """Posts each prompt; the answer stands at ``result_path`` in the JSON that comes back."""

    def __init__(self, config: HTTPAgentConfig) -> None:
        try:
            import httpx
        except ImportError:
            raise ConfigError("agent.type http_api needs httpx: pip install 'atlas-otel[governance]'") from None
        self._config = config
        self._client: httpx.AsyncClient | None = None
        self._httpx = httpx
        # In messages: neither a password before the host nor a token in the query.
        parts = urlsplit(config.transport.base_url)
        self._place = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"

    async def ainvoke(self, prompt: str, metadata: dict[str, Any] | None = None) -> Any:
        """The agent's answer. Raises AdapterError where the status is no success, or the answer lacks the path."""
        body = copy.deepcopy(self._config.payload_template)
        body["prompt"] = prompt
        body["metadata"] = metadata or {}
        response = await self._post(orjson.dumps(body, default=str, option=orjson.OPT_NON_STR_KEYS))
        return self._answer(response)

    async def aclose(self) -> None:
        """Close the connections."""
        if self._client is not None:
            await self._client.aclose()

    async def _post(self, body: bytes) -> httpx.Response:
        transport = self._config.transport
        if self._client is None:
            self._client = self._httpx.AsyncClient(timeout=transport.timeout_seconds or None)
        for attempt in range(1, transport.retry.attempts + 1):
            last = attempt == transport.retry.attempts
            try:
                response = await self._client.post(transport.base_url, content=body, headers=self._headers())
            except self._httpx.HTTPError as error:
                if last:
                    words = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
                    raise AdapterError(f"{self._place} cannot be reached: {words}") from error
            else:
                if response.is_success:
                    return response
                if last or response.status_code not in RETRIED:
                    said = response.text[:_SHOWN]
                    raise AdapterError(f"{self._place} answered {response.status_code}: {said}")
            # Jitter, so that many agents do not come back at the same moment.
            await asyncio.sleep(transport.retry.backoff_seconds * 2 ** (attempt - 1) * (0.5 + random.random()))  # noqa: S311
        raise AssertionError("a retry policy has at least one attempt")

    def _headers(self) -> dict[str, str]:
        headers = {"content-type": "application/json", **self._config.transport.headers}
        key = session_key_of()
        # The agent is one that the config names: it may know the session, so that its spans join the same one.
        context = with_session_in_baggage(key) if key is not None else None
        propagate.inject(headers, context=context)
        return headers

    def _answer(self, response: httpx.Response) -> Any:
        path = self._config.result_path
        try:
            found: Any = response.json()
        except ValueError:
            if path:
                raise AdapterError(f"{self._place} answered no JSON, in which to follow result_path") from None
            return response.text
        for depth, part in enumerate(path or ()):
            try:
                found = found[int(part)] if isinstance(found, list) else found[part]
            except (KeyError, IndexError, TypeError, ValueError):
                way = ".".join(str(one) for one in (path or ())[: depth + 1])
                raise AdapterError(f"{self._place} answered without {way} (agent.result_path)") from None
        return found
