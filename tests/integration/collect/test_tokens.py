"""A token for each sender: records say who sent them, one is cut off, none writes into another's session."""

from __future__ import annotations

import json
from typing import Any

import pytest

from atlas_otel import semconv
from atlas_otel.cli import main
from atlas_otel.postgres import tokens

T = 1_700_000_000_000_000_000
RUNTIME = {"metadata": {"review_status": "approved"}, "source": "runtime"}


def body(trace: str, span: str, session: str | None = None, **attributes: str) -> bytes:
    said = {**({semconv.ATLAS_SESSION_ID: session} if session else {}), **attributes}
    one = {
        "traceId": trace * 32,
        "spanId": span * 16,
        "name": "invoke_agent a",
        "startTimeUnixNano": str(T),
        "endTimeUnixNano": str(T + 5),
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in said.items()],
    }
    resource = {"attributes": [{"key": semconv.ATLAS_SENDER, "value": {"stringValue": "forged"}}]}
    return json.dumps({"resourceSpans": [{"resource": resource, "scopeSpans": [{"spans": [one]}]}]}).encode()


def send(collector: Any, token: str, data: bytes) -> Any:
    return collector.post(data, "application/json", authorization=f"Bearer {token}")


def refused(answer: Any) -> int:
    assert answer.status_code == 200, answer.text
    return int(answer.json().get("partialSuccess", {}).get("rejectedSpans", 0))


def test_records_say_who_sent_them_and_a_sender_is_cut_off(
    start: Any, database: Any, database_url: str, eventually: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["tokens", "create", "one", "--database-url", database_url]) == 0
    one = capsys.readouterr().out.strip()
    two = tokens.create(database_url, "two")
    collector = start("--tokens")
    assert refused(send(collector, one, body("a", "1"))) == 0
    assert refused(send(collector, two, body("b", "2"))) == 0
    assert collector.post(body("c", "3"), "application/json").status_code == 401
    assert send(collector, one[:-1], body("c", "3")).status_code == 401
    senders = (
        "SELECT span_id, resources.attributes ->> 'atlas.sender' FROM atlas_otel.spans"
        " JOIN atlas_otel.resources ON hash = resource_hash ORDER BY 1"
    )
    expected = [("1" * 16, "one"), ("2" * 16, "two")]
    assert eventually(lambda: database.execute(senders).fetchall() == expected)
    (stored,) = database.execute("SELECT hash FROM atlas_otel.tokens WHERE name = 'one'").fetchone()
    assert one.encode() not in bytes(stored)
    assert main(["tokens", "revoke", "one", "--database-url", database_url]) == 0
    assert eventually(lambda: send(collector, one, body("a", "4")).status_code == 401)
    assert refused(send(collector, two, body("b", "5"))) == 0
    assert main(["tokens", "list", "--database-url", database_url]) == 0
    assert "one  revoked" in capsys.readouterr().out


def test_none_writes_into_another_s_session_or_trace_unless_allowed(
    start: Any, database: Any, database_url: str, eventually: Any
) -> None:
    mine, stranger, friend = (
        tokens.create(database_url, "mine"),
        tokens.create(database_url, "stranger"),
        tokens.create(database_url, "friend", ["any-session"]),
    )
    collector = start("--tokens")
    assert refused(send(collector, mine, body("a", "1", "5" * 32))) == 0
    assert refused(send(collector, stranger, body("b", "2", "5" * 32))) == 1, "the session is another's"
    assert refused(send(collector, stranger, body("a", "3"))) == 1, "the trace is another's"
    reward = {
        semconv.ATLAS_KIND: "reward",
        semconv.ATLAS_TARGET_TRACE_ID: "a" * 32,
    }
    assert refused(send(collector, stranger, body("c", "4", None, **reward))) == 1, "what it scores is another's"
    assert refused(send(collector, stranger, body("d", "6", "7" * 32))) == 0
    assert refused(send(collector, friend, body("a", "5"))) == 0
    assert refused(send(collector, mine, body("a", "6", "5" * 32))) == 0
    spans = "SELECT span_id FROM atlas_otel.spans ORDER BY 1"
    expected = [(digit * 16,) for digit in "156"]
    assert eventually(lambda: database.execute(spans).fetchall()[:2] == expected[:2])
    strange = "SELECT count(*) FROM atlas_otel.spans WHERE span_id = ANY (%s)"
    assert database.execute(strange, [["2" * 16, "3" * 16]]).fetchone() == (0,)


def test_only_a_token_that_may_govern_does(start: Any, database: Any, database_url: str, eventually: Any) -> None:
    plain = tokens.create(database_url, "plain")
    runner = tokens.create(database_url, "runner", ["govern"])
    collector = start("--tokens", ATLAS_OTEL_QUIET_S="0.2")
    event = json.dumps([[T + 1, semconv.EVENT_METADATA, RUNTIME]])
    for token, trace, session in ((plain, "a", "1" * 32), (runner, "b", "2" * 32)):
        said = {semconv.ATLAS_KIND: "session", semconv.ATLAS_EVENTS: event}
        assert refused(send(collector, token, body(trace, trace, session, **said))) == 0
    statuses = "SELECT metadata ->> 'session_key', review_status FROM public.sessions ORDER BY 1"
    expected = [("1" * 32, "pending"), ("2" * 32, "approved")]
    assert eventually(lambda: database.execute(statuses).fetchall() == expected), database.execute(statuses).fetchall()


def test_an_expired_token_does_not_hold(start: Any, database: Any, database_url: str) -> None:
    token = tokens.create(database_url, "old")
    database.execute("UPDATE atlas_otel.tokens SET expires_at = now() - interval '1 second'")
    assert send(start("--tokens"), token, body("a", "1")).status_code == 401


def test_without_the_database_nobody_is_let_in_unknown(start: Any) -> None:
    collector = start("--tokens", url="postgresql://nobody@127.0.0.1:9/nothing")
    assert send(collector, "atlas_x", body("a", "1")).status_code == 503


@pytest.mark.parametrize(
    ("arguments", "said"),
    [(["create", "a b"], "letters"), (["create", "two"], "already"), (["revoke", "nobody"], "no token named")],
)
def test_a_wrong_call_is_one_line(
    database_url: str, arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    tokens.create(database_url, "two")
    assert main(["tokens", *arguments, "--database-url", database_url]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert said in line
