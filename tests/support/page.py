"""The page's application over a database, asked without a socket."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from starlette.testclient import TestClient

import atlas_otel as atlas
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording
from atlas_otel.ui.app import UiApp
from atlas_otel.ui.builds import Builds
from atlas_otel.ui.database import Database
from atlas_otel.ui.guard import Guard
from atlas_otel.ui.options import UiOptions
from atlas_otel.ui.upkeep import Upkeep

PORT = 4340
BASE = f"http://127.0.0.1:{PORT}"
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)> \u202e \U0001f600 日本語 עברית"


class Page:
    """One user's page. ``options`` are those of :class:`UiOptions` beside the database."""

    def __init__(self, url: str, **options: Any) -> None:
        self.options = UiOptions(url, **{"user": "ada", **options})
        self.database = Database(url)
        self.guard = Guard(self.options, b"s" * 32, PORT)
        self.builds = Builds()
        self.app = UiApp(self.options, self.database, self.guard, self.builds)
        self.client = TestClient(self.app, base_url=BASE, raise_server_exceptions=False)

    def of(self, user: str) -> Page:
        """The same server's page of another user."""
        other = Page.__new__(Page)
        other.options = replace(self.options, user=user)
        other.database, other.builds = self.database, self.builds
        other.guard = Guard(other.options, b"s" * 32, PORT)
        other.app = UiApp(other.options, other.database, other.guard, other.builds)
        other.client = TestClient(other.app, base_url=BASE, raise_server_exceptions=False)
        return other

    @property
    def csrf(self) -> dict[str, str]:
        """The header of a write."""
        return {"X-Atlas-CSRF": self.client.get("/api/v1/me").json()["csrf_token"]}

    def get(self, path: str, status: int = 200, **query: Any) -> Any:
        """What ``GET`` answers, which has to be of ``status``."""
        answer = self.client.get(f"/api/v1{path}", params={k: v for k, v in query.items() if v is not None})
        assert answer.status_code == status, answer.text
        return answer.json()

    def send(self, path: str, body: Any = None, status: int = 200, method: str = "POST") -> Any:
        """What a write answers, which has to be of ``status``."""
        answer = self.client.request(method, f"/api/v1{path}", json=body, headers=self.csrf)
        assert answer.status_code == status, answer.text
        return answer.json()

    def revision(self, session: object) -> str:
        """A session's revision, as it is now."""
        return str(self.get(f"/sessions/{session}/review")["revision"])

    def decide(self, session: object, *actions: dict[str, Any], status: int = 200) -> Any:
        """Do ``actions`` on a session as it is now."""
        body = {"revision": self.revision(session), "actions": list(actions)}
        return self.send(f"/sessions/{session}/review", body, status)

    def close(self) -> None:
        """Close what is open."""
        self.database.close()


def record_runs(url: str, size: int = 10) -> None:
    """Four sessions: rejected and guided, twice failed, hostile; and their facts and numbers.

    ``size``: of what failed tools were given, in characters.
    """
    with recording() as recorded:
        with atlas.session("Sort 3 1 2", name="sorter", metadata={"tags": ["sorting"]}) as session:
            atlas.set_plan([{"id": 1, "description": "sort it"}])
            for attempt in range(2):
                with atlas.step("sort it", id=1) as step:
                    _model("You sort.", "Sort 3 1 2", "1 2 3" if attempt else "3 2 1")
                    with atlas.tool("check") as tool:
                        tool.output = "ok"
                    step.output = "1 2 3" if attempt else "3 2 1"
                    atlas.set_validation(bool(attempt), reason=None if attempt else "wrong order")
                    if not attempt:
                        atlas.add_guidance("ascending")
            atlas.record_reward(0.9, rationale="right in the end")
            session.final_answer = "1 2 3"
        for number in range(2):
            try:
                with (
                    atlas.session(f"Fetch page {number}", name="fetcher"),
                    atlas.step("fetch", id=1),
                    atlas.tool("http") as tool,
                ):
                    tool.input = {"page": "x" * size}
                    raise TimeoutError(f"no answer after {number + 3} s")
            except TimeoutError:
                pass
        with atlas.session(HOSTILE, name=HOSTILE[:30]) as session:
            with atlas.step(HOSTILE, id=1) as step:
                _model(HOSTILE, HOSTILE, HOSTILE)
                step.output = HOSTILE
            session.final_answer = HOSTILE
    with PostgresStore(url) as store:
        store.write(recorded.all)
        assert store.project() == 4
    Upkeep(url).once()


def _model(system: str, asked: str, answered: str) -> None:
    with atlas.llm("gpt-test") as call:
        call.input = [{"role": "system", "content": system}, {"role": "user", "content": asked}]
        call.output = {"role": "assistant", "content": answered}
