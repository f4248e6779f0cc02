"""Reviewing as a reviewer does: by keys, beside others, over reloads, and while the database is away."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

CLERK = "/queue?agent=clerk&text=Question&order=oldest"


def task(page: Any) -> str:
    return str(page.locator(".pane-task").inner_text())


def key(page: Any, *keys: str) -> None:
    for one in keys:
        page.keyboard.press(one)


def another(page: Any, before: str) -> None:
    """Until another session than ``before`` is shown."""
    shown = "before => ![undefined, before].includes(document.querySelector('.pane-task')?.innerText)"
    page.wait_for_function(shown, arg=before)


def done(page: Any) -> None:
    """Done and next: until the next session is there."""
    before = task(page)
    page.keyboard.press("Control+Enter")
    another(page, before)


def test_fifty_sessions_by_keys_alone(serve: Any, open_page: Any, reviewed_url: str) -> None:
    page = open_page(serve() + CLERK)
    page.locator(".pane-task").wait_for()
    seen = []
    for number in range(50):
        seen.append(task(page))
        key(page, "a" if number % 5 else "q", "5", "ArrowDown", "4", "ArrowDown", "3")
        if number % 10 == 0:
            key(page, "e")
            page.keyboard.type(f"note {number}")
        done(page)
    assert len(set(seen)) == 50, "no session came twice"
    with psycopg.connect(reviewed_url) as connection:
        counted = connection.execute("SELECT review_status, count(*) FROM sessions GROUP BY 1").fetchall()
        notes = connection.execute("SELECT count(*) FROM sessions WHERE review_notes LIKE 'note %'").fetchone()
        scores = connection.execute(
            "SELECT count(*) FROM atlas_otel.review_events WHERE kind = 'score' AND step_id IS NOT NULL"
        ).fetchone()
    assert dict(counted)["approved"] == 40
    assert dict(counted)["quarantined"] == 10
    assert notes == (5,)
    assert scores == (50,), "each step was scored too"


def test_approve_quarantine_score_correct_and_export(
    serve: Any, open_page: Any, reviewed_url: str, tmp_path: Path
) -> None:
    page = open_page(serve() + "/queue?agent=support-agent&order=oldest")
    page.locator(".span").first.wait_for()
    key(page, "d")
    page.locator(".diff").wait_for()
    assert "48" in page.locator(".diff ins").all_inner_texts()
    key(page, "d", "c")
    page.get_by_role("dialog", name="Correct the answer").wait_for()
    field = page.get_by_label("Better answer")
    field.fill('{"reply": "Dear Ana, choose: your money back, or a new one."}')
    page.reload()
    page.locator(".span").first.wait_for()
    key(page, "c")
    assert "choose: your money back" in page.get_by_label("Better answer").input_value(), "what was typed survives"
    key(page, "Control+Enter")
    page.get_by_role("dialog").wait_for(state="detached")
    page.get_by_text("corrected", exact=True).first.wait_for()
    key(page, "x")
    page.get_by_text("not for training").first.wait_for()
    key(page, "u")
    page.get_by_text("not for training").first.wait_for(state="detached")
    key(page, "a", "5")
    done(page)
    key(page, "q", "1")
    done(page)
    key(page, "a")
    done(page)
    page.locator(".toast").last.get_by_role("button", name="Undo", exact=True).click()
    page.get_by_text("Taken back").wait_for()

    def exported(what: str) -> list[Any]:
        output = tmp_path / f"{what}.jsonl"
        command = [sys.executable, "-m", "atlas_otel", "export", "--database-url", reviewed_url, "--format", what]
        run = subprocess.run([*command, "--output", str(output)], capture_output=True, text=True)
        assert run.returncode == 0, run.stderr
        return [json.loads(line) for line in output.read_text(encoding="utf-8").splitlines()]

    assert [line["task"].split(".")[0] for line in exported("atlas")] == ["Draft a reply to Ana Duarte"]
    chosen = [json.dumps(line) for line in exported("preference")]
    assert any("choose: your money back" in line for line in chosen), "the correction is a preference pair"


def test_two_reviewers_are_told_of_each_other(serve: Any, open_page: Any) -> None:
    mina, jo = serve(name="mina"), serve(name="jo")
    first, second = open_page(mina + CLERK), open_page(jo + CLERK)
    for page in (first, second):
        page.locator(".pane-task").wait_for()
    same = "s=" + first.locator(".item[aria-selected=true]").get_attribute("id").removeprefix("session-")
    first.goto(f"{mina}{CLERK}&{same}")
    second.goto(f"{jo}{CLERK}&{same}")
    second.get_by_text("looks at it just now").first.wait_for()
    key(second, "e")
    second.keyboard.type("what I typed")
    key(second, "Escape", "q")
    key(first, "a")
    done(first)
    key(second, "Control+Enter")
    notice = second.get_by_role("alert").filter(has_text="The session changed while you looked at it")
    notice.wait_for()
    assert "mina" in notice.inner_text()
    assert second.locator(".verdict textarea").first.input_value() == "what I typed"
    notice.get_by_role("button").click()
    done(second)
    second.goto(f"{jo}{CLERK}&{same}&review_status=all")
    history = second.locator(".history")
    history.wait_for()
    assert {"mina", "jo"} <= set(history.locator(".strong").all_inner_texts())


def test_two_pages_of_one_reviewer_share_what_is_typed(serve: Any, open_page: Any) -> None:
    address = serve() + CLERK
    first = open_page(address)
    first.locator(".pane-task").wait_for()
    second = open_page(address, beside=first)
    second.locator(".pane-task").wait_for()
    key(first, "e")
    first.keyboard.type("typed once")
    second.wait_for_function("() => document.querySelector('.verdict textarea')?.value === 'typed once'")
    first.reload()
    first.wait_for_function("() => document.querySelector('.verdict textarea')?.value === 'typed once'")


def test_all_of_a_filter_after_a_count_and_a_confirmation(serve: Any, open_page: Any, reviewed_url: str) -> None:
    page = open_page(serve() + "/queue?agent=clerk&min_reward=0.75")
    page.locator(".pane-task").wait_for()
    key(page, "b")
    dialog = page.get_by_role("dialog", name="All sessions of this filter")
    dialog.get_by_text("match the filter").wait_for()
    count = int(dialog.locator(".bulk-count .num").inner_text().split()[0])
    dialog.get_by_role("button", name=f"Approve {count} sessions").click()
    page.get_by_text(f"done for {count} sessions").wait_for()
    with psycopg.connect(reviewed_url) as connection:
        assert connection.execute("SELECT count(*) FROM sessions WHERE review_status = 'approved'").fetchone() == (
            count,
        )


def test_filters_are_saved_and_searched(serve: Any, open_page: Any) -> None:
    address = serve()
    page = open_page(f"{address}/queue")
    page.locator(".pane-task").wait_for()
    key(page, "/")
    page.keyboard.type("discount code")
    page.wait_for_url("**text=discount+code**")
    page.wait_for_function("() => document.querySelectorAll('.item').length === 1")
    assert "Mei-Ling" in task(page)
    key(page, "Escape", "s")
    page.get_by_label("Save what the list shows now, as").fill("codes")
    key(page, "Enter")
    page.get_by_role("button", name="codes", exact=True).wait_for()
    page.goto(f"{address}/queue")
    page.locator(".pane-task").wait_for()
    key(page, "s")
    page.get_by_role("button", name="codes", exact=True).click()
    page.wait_for_url("**text=discount+code**")


def test_the_help_lists_the_keys_and_g_goes(serve: Any, open_page: Any) -> None:
    page = open_page(serve() + CLERK)
    page.locator(".pane-task").wait_for()
    key(page, "?")
    help_ = page.get_by_role("dialog", name="Keys")
    for what in (
        "Next session",
        "Approve",
        "Quarantine",
        "Diff between attempts",
        "Correct an answer",
        "Done, and next",
        "Search",
    ):
        help_.get_by_text(what, exact=True).wait_for()
    key(page, "j", "Escape")
    help_.wait_for(state="detached")
    for letter, path in (("l", "/live"), ("c", "/compare"), ("p", "/plots"), ("d", "/datasets"), ("q", "/queue")):
        key(page, "g", letter)
        page.wait_for_url(f"**{path}**")
    first = task(page)
    key(page, "j")
    another(page, first)
    page.go_back()
    page.wait_for_function("before => document.querySelector('.pane-task')?.innerText === before", arg=first)


def test_a_database_that_is_away_comes_back_by_itself(
    serve: Any, open_page: Any, reviewed_url: str, admin: psycopg.Connection
) -> None:
    page = open_page(serve() + CLERK)
    page.locator(".pane-task").wait_for()
    key(page, "a", "5", "e")
    page.keyboard.type("kept while away")
    name = sql.Identifier(str(conninfo_to_dict(reviewed_url)["dbname"]))
    with away(admin, name):
        key(page, "Control+Enter")
        page.get_by_text("The database does not answer").wait_for()
        assert page.locator(".verdict textarea").first.input_value() == "kept while away"
    page.get_by_text("The database does not answer").wait_for(state="detached", timeout=30_000)
    done(page)
    with psycopg.connect(reviewed_url) as connection:
        assert connection.execute("SELECT review_notes FROM sessions WHERE review_status = 'approved'").fetchall() == [
            ("kept while away",)
        ]


@contextlib.contextmanager
def away(admin: psycopg.Connection, name: sql.Identifier) -> Any:
    """Nobody is let into the database, and whoever was there is out."""
    admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(name))
    query = sql.SQL("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {}")
    admin.execute(query.format(sql.Literal(name.as_string().strip('"'))))
    try:
        yield
    finally:
        admin.execute(sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS true").format(name))


def test_a_running_session_appears_and_grows(serve: Any, open_page: Any, reviewed_url: str) -> None:
    page = open_page(serve() + "/live")
    page.get_by_text("Over", exact=True).wait_for()
    command = [sys.executable, "-m", "tests.support.reviewable", reviewed_url, "growing", "8"]
    with subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as run:
        row = page.locator(".live-row", has_text="Watch the queue")
        row.wait_for()
        row.click()
        page.locator(".step-head", has_text="Watch hour 1").first.wait_for()
        page.locator(".step-head", has_text="Watch hour 4").first.wait_for(timeout=60_000)
        assert run.wait(60) == 0
    row.get_by_text("succeeded").wait_for(timeout=60_000)
