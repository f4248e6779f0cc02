"""The page's API over real runs: what is seen, decided, compared and built."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

import atlas_otel as atlas
from atlas_otel.cli import main
from atlas_otel.postgres.store import PostgresStore
from atlas_otel.testing import recording
from atlas_otel.ui.upkeep import Upkeep
from atlas_otel_exporters import export_jsonl
from atlas_otel_exporters.training.options import RowOptions
from tests.support.page import HOSTILE, Page, record_runs

DAYS = {"since": "2023-11-01", "until": "2023-12-01"}
"""Around what is recorded with the clock of tests."""


def _find(page: Page, **query: object) -> list[int]:
    return [one["id"] for one in page.get("/sessions", **query)["sessions"]]


def test_the_queue_says_why_a_session_is_worth_a_look(page: Page) -> None:
    listed = {one["task"]: one for one in page.get("/sessions", order="attention")["sessions"]}
    assert {one["code"] for one in listed["Sort 3 1 2"]["reasons"]} == {"rejected_attempts", "new_task_group"}
    assert "failure_cluster" in {one["code"] for one in listed["Fetch page 0"]["reasons"]}
    assert "missing_reward" in {one["code"] for one in listed["Fetch page 1"]["reasons"]}
    attention = [one["attention"] for one in page.get("/sessions", order="attention")["sessions"]]
    assert attention == sorted(attention, reverse=True)
    assert attention[0] > 0
    assert page.get("/counts")["pending"] == 4


@pytest.mark.parametrize("order", ["attention", "newest", "oldest"])
def test_pages_hold_every_session_once(page: Page, order: str) -> None:
    seen, cursor = [], None
    while True:
        answer = page.get("/sessions", order=order, limit=1, cursor=cursor)
        seen += [one["id"] for one in answer["sessions"]]
        cursor = answer["next_cursor"]
        if cursor is None:
            break
    assert seen == _find(page, order=order)
    assert len(seen) == 4


def test_filters_find_what_sessions_list_finds(page: Page) -> None:
    sorting = _find(page, agent="sorter")
    assert len(sorting) == 1
    for query in (
        {"model": "gpt-test", "agent": "sorter"},
        {"tool": "check"},
        {"tag": "sorting"},
        {"min_reward": 0.5},
        {"text": "WRONG order", "agent": "sorter"},
        {"reason": "rejected_attempts"},
    ):
        assert _find(page, **query) == sorting, query
    assert len(_find(page, failed=True)) == 3  # a rejected attempt is a step that failed
    assert len(_find(page, text="日本語")) == 1
    assert _find(page, text="100%") == []
    (cluster,) = [one for one in page.get("/failures", **DAYS)["clusters"] if one["name"] == "http"]
    assert cluster["message"] == "no answer after <n> s"
    assert cluster["sessions"] == 2
    assert len(_find(page, cluster=cluster["id"])) == 2


def test_a_session_shows_attempts_guidance_and_its_calls_as_exports_read_them(page: Page) -> None:
    (number,) = _find(page, agent="sorter")
    session = page.get(f"/sessions/{number}")
    first, second = session["steps"][0]["attempts"]
    assert (first["valid"], first["reason"], first["guidance"]) == (False, "wrong order", ["ascending"])
    assert (second["valid"], second["output"]) == (True, "1 2 3")
    assert session["links"]["jaeger"] == f"http://jaeger.test:16686/trace/{session['trace_ids'][0]}"
    spans = page.get(f"/sessions/{number}/skeleton")["spans"]
    by_id = {one["id"]: one for one in spans}
    assert by_id[first["span"]]["kind"] == "step"
    calls = [one for one in spans if one["kind"] == "llm"]
    assert [by_id[one["parent"]]["attempt"] for one in calls] == [1, 2]
    detail = page.get(f"/sessions/{number}/spans/{calls[0]['id']}")
    assert detail["call"]["messages"][1]["parts"] == [{"kind": "text", "text": "Sort 3 1 2"}]
    assert detail["call"]["choices"][0]["message"]["parts"][0]["text"] == "3 2 1"
    assert page.get(f"/sessions/{number}/records")["total"] > 10
    # Any of its names is one.
    assert page.get(f"/sessions/{session['item']['key']}")["item"]["id"] == number
    assert page.get(f"/sessions/{session['trace_ids'][0]}")["item"]["id"] == number


def test_what_is_seen_is_what_trains(page: Page, database_url: str, tmp_path: Path) -> None:
    (number,) = _find(page, agent="sorter")
    for name in page.get("/setup")["formats"]:
        lines = page.get(f"/sessions/{number}/lines", format=name)
        assert not lines["exported"]
        assert "pending" in lines["why_not"]
        out = tmp_path / f"{name}.jsonl"
        export_jsonl(out, database_url=database_url, session_ids=[number], review_statuses=None, format=name)
        written = out.read_text("utf-8").splitlines() if out.exists() else []
        assert [one["text"] for one in lines["lines"]] == written, name


def test_hostile_text_is_data(page: Page) -> None:
    (number,) = [one["id"] for one in page.get("/sessions")["sessions"] if one["task"].startswith("<script>")]
    session = page.client.get(f"/api/v1/sessions/{number}")
    assert session.headers["content-type"] == "application/json"
    assert session.headers["x-content-type-options"] == "nosniff"
    assert session.json()["task"] == HOSTILE
    call = next(one for one in page.get(f"/sessions/{number}/skeleton")["spans"] if one["kind"] == "llm")
    file = page.client.get(f"/api/v1/sessions/{number}/spans/{call['id']}/payloads/output")
    assert file.headers["content-disposition"].startswith("attachment")
    assert file.headers["content-type"] == "application/octet-stream"


def test_a_large_payload_is_a_download(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("atlas_otel.ui.span_detail.MAX_SHOWN", 4_000)
    record_runs(database_url, size=5_000)
    page = Page(database_url)
    number = _find(page, agent="fetcher")[0]
    span = next(one for one in page.get(f"/sessions/{number}/skeleton")["spans"] if one["kind"] == "tool")
    assert len(span["preview"]) == 200
    given = page.get(f"/sessions/{number}/spans/{span['id']}")["input"]
    assert given["text"] is None
    assert len(page.client.get(given["download"]).content) == given["size"] > 5_000
    page.close()


def test_a_review_is_kept_undone_and_exported(page: Page, database_url: str, tmp_path: Path) -> None:
    (number,) = _find(page, agent="sorter")
    call = next(one for one in page.get(f"/sessions/{number}/skeleton")["spans"] if one["kind"] == "llm")
    state = page.decide(
        number,
        {"kind": "verdict", "verdict": "approved"},
        {"kind": "score", "criterion": "quality", "score": 4},
        {"kind": "note", "text": "good"},
        {"kind": "tag", "tag": "gold"},
        {"kind": "correction", "span": call["id"], "text": "1, 2, 3"},
    )
    assert (state["status"], state["notes"], state["tags"]) == ("approved", "good", ["gold"])
    assert _find(page, review_status="approved", tag="gold") == [number]
    assert export_jsonl(tmp_path / "a.jsonl", database_url=database_url).sessions == 1
    verdict = next(one for one in state["events"] if one["kind"] == "verdict")
    assert page.decide(number, {"kind": "undo", "event": verdict["id"]})["status"] == "pending"
    assert export_jsonl(tmp_path / "b.jsonl", database_url=database_url).sessions == 0


def test_two_reviewers_in_conflict_are_told_and_lose_nothing(page: Page) -> None:
    bo = page.of("bo")
    (number,) = _find(page, agent="sorter")
    seen = page.revision(number)
    bo.decide(number, {"kind": "verdict", "verdict": "quarantined"})
    body = {"revision": seen, "actions": [{"kind": "verdict", "verdict": "approved"}]}
    told = page.send(f"/sessions/{number}/review", body, 409)
    assert told["code"] == "conflict"
    assert [(one["by"], one["what"]) for one in told["changes"]] == [("bo", "quarantined")]
    body["revision"] = told["revision"]
    assert page.send(f"/sessions/{number}/review", body)["status"] == "approved"


def test_a_changed_session_waits_again_and_says_so(page: Page, database_url: str) -> None:
    (number,) = _find(page, agent="sorter")
    page.decide(number, {"kind": "verdict", "verdict": "approved"})
    key = page.get(f"/sessions/{number}")["item"]["key"]
    with recording() as recorded:
        atlas.record_reward(0.1, session_id=key)
    with PostgresStore(database_url) as store:
        store.write(recorded.all)
        store.project()
    state = page.get(f"/sessions/{number}/review")
    assert (state["status"], state["changed_after_review"]) == ("pending", True)
    assert state["events"][0]["stale"]
    assert _find(page, reason="changed_after_review") == [number]
    assert page.get("/counts")["changed_after_review"] == 1


def test_a_reservation_keeps_others_away_until_it_ends(page: Page) -> None:
    bo = page.of("bo")
    mine = page.send("/review/next", {})["session"]
    assert bo.send("/review/next", {})["session"] != mine
    assert bo.send(f"/sessions/{mine}/reservation", {}, 409)["code"] == "reserved"
    page.send(f"/sessions/{mine}/reservation", method="DELETE")
    assert bo.send(f"/sessions/{mine}/reservation", {"minutes": 1})["by"] == "bo"
    with page.database.connection() as connection:
        connection.execute("UPDATE atlas_otel.review_reservations SET until = clock_timestamp() - interval '1 s'")
    assert page.send(f"/sessions/{mine}/reservation", {})["by"] == "ada"
    page.decide(mine, {"kind": "assign", "to": "bo"})
    page.send(f"/sessions/{mine}/reservation", method="DELETE")
    assert page.send("/review/next", {"skip": []})["session"] != mine


def test_a_bulk_decision_takes_exactly_what_was_counted(page: Page) -> None:
    asked = {"query": {"agent": "fetcher"}, "action": {"kind": "verdict", "verdict": "quarantined"}}
    counted = page.send("/review/bulk/preview", asked)
    assert counted["count"] == 2
    wrong = {**asked, "query": {}, "token": counted["token"]}
    assert "not those that were counted" in page.send("/review/bulk", wrong, 409)["message"]
    other = {**asked, "action": {"kind": "verdict", "verdict": "approved"}, "token": counted["token"]}
    page.send("/review/bulk", other, 409)
    page.of("bo").send("/review/bulk", {**asked, "token": counted["token"]}, 409)
    assert page.send("/review/bulk", {**asked, "token": counted["token"]})["done"] == 2
    assert page.get("/counts")["quarantined"] == 2


def test_filters_are_kept(page: Page) -> None:
    body = {"query": {"failed": True, "since": "2026-01-01T00:00:00Z"}, "order": "newest", "shared": True}
    page.send("/filters/bad ones", body, method="PUT")
    (kept,) = page.of("bo").get("/filters")["filters"]
    assert (kept["name"], kept["owner"], kept["query"]["failed"]) == ("bad ones", "ada", True)
    page.of("bo").send("/filters/bad ones", method="DELETE", status=404)
    assert page.send("/filters/bad ones", method="DELETE")["filters"] == []


def test_plots_add_up_and_follow_a_deletion(page: Page, database_url: str) -> None:
    def of(by: str) -> dict[str, int]:
        plots = page.get("/plots", by=by, **DAYS)
        return {one["name"]: sum(one["sessions"]) for one in plots["groups"]}

    assert of("all") == {"": 4}
    assert of("agent")["fetcher"] == 2
    assert of("tool") == {"check": 1, "http": 2}
    plots = page.get("/plots", **DAYS)["groups"][0]
    assert sum(plots["guided"]) == sum(plots["improved"]) == sum(plots["retries"]) == 1
    assert [one for one in plots["reward_mean"] if one is not None] == [0.9]
    with page.database.connection() as connection:
        connection.execute("DELETE FROM public.sessions WHERE id = %s", [_find(page, agent="sorter")[0]])
    Upkeep(database_url).once()
    assert of("all") == {"": 3}
    assert "check" not in of("tool")


def test_sessions_and_groups_side_by_side(page: Page) -> None:
    (number,) = _find(page, agent="sorter")
    sections = page.get("/compare/sessions", left=f"{number}@1.1", right=f"{number}@1.2")["sections"]
    output = next(one for one in sections if one["heading"] == "output")
    assert output["lines"] == [{"mark": "|", "left": "3 2 1", "right": "1 2 3"}]
    both = page.send("/compare/groups", {"left": {"agent": "sorter"}, "right": {"agent": "fetcher"}})
    assert (both["left"]["sessions"], both["left"]["improved"]) == (1, 1)
    assert (both["right"]["failed"], both["right"]["rewarded"]) == (2, 0)


def test_a_dataset_is_built_of_the_current_filter(page: Page) -> None:
    asked = {"name": "first", "format": "chat", "query": {"agent": "sorter"}, "train": 1, "validation": 0, "test": 0}
    assert "no session that may be trained on" in page.send("/builds", asked, 400)["message"]
    (number,) = _find(page, agent="sorter")
    page.decide(number, {"kind": "verdict", "verdict": "approved"})
    build = page.send("/builds", asked)
    for _ in range(200):
        build = page.get(f"/builds/{build['id']}")
        if build["state"] != "running":
            break
        time.sleep(0.05)
    assert build["state"] == "done", build
    assert [one["name"] for one in page.get("/datasets")["datasets"]] == ["first"]
    made = page.get("/datasets/first")
    assert made["item"]["sessions"] == 1
    assert {one["session_id"] for one in made["lineage"]} == {number}
    both = page.get("/compare/datasets", left="first", right="first")
    assert (both["sessions_in_both"], both["sessions_left_only"]) == (1, 0)
    page.send("/builds", asked, 409)
    page.get("/datasets/..%2f..%2fetc", 404)


def test_verdicts_of_several_reviewers_and_how_they_agree(database_url: str, page: Page) -> None:
    from atlas_otel.models.rubric import RubricConfig

    several = Page(database_url, rubric=RubricConfig(verdicts=2))
    bo, cy = several.of("bo"), several.of("cy")
    numbers = _find(several, order="oldest")
    said = [("approved", "approved"), ("quarantined", "quarantined"), ("approved", "quarantined")]
    good = {"kind": "score", "criterion": "quality", "score": 4}
    for number, (ours, theirs) in zip(numbers, said, strict=False):
        several.decide(number, {"kind": "verdict", "verdict": ours}, good)
        assert several.get(f"/sessions/{number}/review")["status"] == "pending"
        bo.decide(number, {"kind": "verdict", "verdict": theirs}, good)
    assert _find(several, reason="tie") == [numbers[2]]
    verdict, quality = several.get("/review/agreement")["criteria"]
    assert (verdict["subjects"], round(verdict["agreement"], 3)) == (3, 0.667)
    assert round(verdict["cohen"][0]["kappa"], 3) == 0.4
    assert quality["agreement"] == 1.0
    assert cy.decide(numbers[2], {"kind": "verdict", "verdict": "approved"})["status"] == "approved"
    assert _find(several, reason="tie") == []
    several.close()


def test_what_changes_is_told(page: Page) -> None:
    cursor = page.get("/changes")["cursor"]
    (number,) = _find(page, agent="sorter")
    page.decide(number, {"kind": "tag", "tag": "x"})
    later = page.get("/changes", since=cursor)
    assert number in [one["id"] for one in later["sessions"]]


def test_an_answer_that_is_known_is_not_sent_again(page: Page) -> None:
    (number,) = _find(page, agent="sorter")
    for path in ("", "/skeleton", "/review"):
        first = page.client.get(f"/api/v1/sessions/{number}{path}")
        again = page.client.get(f"/api/v1/sessions/{number}{path}", headers={"if-none-match": first.headers["etag"]})
        assert (again.status_code, again.content) == (304, b""), path


def _exported(url: str, path: Path, **asked: object) -> tuple[list[dict[str, Any]], dict[str, int]]:
    summary = export_jsonl(path, database_url=url, review_statuses=None, **asked)  # type: ignore[arg-type]
    lines = path.read_text("utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines], dict(summary.calls_left_out)


def test_a_correction_becomes_a_pair_and_an_excluded_call_no_line(
    page: Page, database_url: str, tmp_path: Path
) -> None:
    (number,) = _find(page, agent="sorter")
    calls = [one for one in page.get(f"/sessions/{number}/skeleton")["spans"] if one["kind"] == "llm"]
    page.decide(number, {"kind": "correction", "span": calls[0]["id"], "text": "It is 1 2 3."})
    only = {"session_ids": [number], "format": "preference", "options": RowOptions(pairs=frozenset({"corrections"}))}
    ((pair,), _) = _exported(database_url, tmp_path / "pairs.jsonl", **only)
    assert (pair["chosen"][0]["content"], pair["rejected"][0]["content"]) == ("It is 1 2 3.", "3 2 1")
    assert (pair["pair_source"], pair["prompt_differs"]) == ("corrections", False)
    assert page.get(f"/sessions/{number}/spans/{calls[0]['id']}")["call"]["correction"] == "It is 1 2 3."

    before, _ = _exported(database_url, tmp_path / "before.jsonl", session_ids=[number], format="chat")
    state = page.decide(number, {"kind": "exclude", "span": calls[0]["id"], "text": "names a person"})
    after, left_out = _exported(database_url, tmp_path / "after.jsonl", session_ids=[number], format="chat")
    assert len(after) == len(before) - 1
    assert left_out == {"excluded by a reviewer": 1}
    assert page.get(f"/sessions/{number}/lines", format="chat")["left_out"] == [
        {"reason": "excluded by a reviewer", "count": 1}
    ]
    assert _exported(database_url, tmp_path / "none.jsonl", **only)[0] == []
    page.decide(number, {"kind": "undo", "event": state["events"][-1]["id"]})
    again, _ = _exported(database_url, tmp_path / "again.jsonl", session_ids=[number], format="chat")
    assert again == before
    page.send(
        f"/sessions/{number}/review",
        {"revision": page.revision(number), "actions": [{"kind": "exclude", "span": "f" * 16}]},
        400,
    )


def test_a_rebuild_computes_the_numbers_again(page: Page, database_url: str) -> None:
    def held() -> list[tuple[Any, ...]]:
        with page.database.connection() as connection:
            facts = connection.execute(
                "SELECT session_id, revision, day, score, failed, calls::text, reasons FROM atlas_otel.session_facts"
            ).fetchall()
            numbers = connection.execute(
                "SELECT day, dimension, name, sessions, reward_sum, calls, buckets::text FROM atlas_otel.daily_numbers"
            ).fetchall()
            return sorted(map(str, [*facts, *numbers]))  # type: ignore[arg-type]

    before = held()
    with page.database.connection() as connection:
        connection.execute("UPDATE atlas_otel.session_facts SET score = 0.1, failed = 7, calls = '[]'")
        connection.execute("DELETE FROM atlas_otel.daily_numbers")
    assert held() != before
    assert main(["rebuild", "--all", "--database-url", database_url, "--quiet"]) == 0
    assert held() == before


def test_numbers_follow_what_comes_later(page: Page, database_url: str) -> None:
    (number,) = _find(page, agent="sorter")
    key = page.get(f"/sessions/{number}")["item"]["key"]
    assert main(["reward", key, "0.3", "--database-url", database_url, "--quiet"]) == 0
    Upkeep(database_url).once()
    plots = page.get("/plots", **DAYS)["groups"][0]
    assert [one for one in plots["reward_mean"] if one is not None] == [pytest.approx(0.3)]
    assert sum(plots["rewarded"]) == 1
    assert _find(page, reason="low_reward") == [number]
