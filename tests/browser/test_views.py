"""Every view opens over every kind of run, says nothing wrong, and is accessible."""

from __future__ import annotations

from typing import Any

import pytest

from tests.browser.conftest import serious

VIEWS = {
    "queue": ("/queue", "Steps"),
    "diff": ("/queue?agent=support-agent&review_status=all&step=2&at=2.diff", "Attempt 1"),
    "tree": ("/queue?agent=support-agent&tab=tree", "spans"),
    "timeline": ("/queue?agent=support-agent&tab=timeline", "at once"),
    "raw": ("/queue?agent=support-agent&tab=raw", "records"),
    "lines": ("/queue?agent=support-agent&tab=lines&format=openai", "line 1"),
    "foreign": ("/queue?agent=foreign", "tallest bridge"),
    "governed": ("/queue?text=it%20is%2037", "Guess until the number is found"),
    "live": ("/live", "Over"),
    "groups": ("/compare?kind=groups&left.agent=support-agent&right.agent=clerk", "reward, mean"),
    "sessions": ("/compare?left=1&right=2&same=true", "task"),
    "plots": ("/plots", "Sessions"),
    "datasets": ("/datasets", "Build a dataset"),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_each_view_is_whole_and_accessible(serve: Any, open_page: Any, theme: str) -> None:
    address = serve()
    page = open_page(f"{address}/queue", theme=theme, width=1024 if theme == "dark" else 1440)
    problems = {}
    for name, (path, expected) in VIEWS.items():
        page.goto(address + path)
        page.get_by_text(expected, exact=False).first.wait_for()
        page.wait_for_load_state("networkidle")
        assert page.locator(".failed").count() == 0, f"{name}: {page.locator('.failed').first.inner_text()}"
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), (
            f"{name} is wider than it may"
        )
        if found := serious(page):
            problems[name] = found
    assert not problems


def test_what_is_hostile_is_text(serve: Any, open_page: Any) -> None:
    address = serve()
    page = open_page(f"{address}/queue?status=failed&text=onerror")
    page.get_by_role("heading", name="<img src=x", exact=False).first.wait_for()
    page.get_by_role("button", name="Attempt 1").click()
    page.get_by_role("img", name="image in the message").wait_for()
    drawn = page.get_by_role("img", name="image in the message")
    assert drawn.evaluate("image => image.complete && image.naturalWidth") == 96
    assert page.get_by_text("https://tracker.invalid/pixel.png").count() >= 1
    for tab in ("Tree", "Timeline", "Raw record", "Training lines"):
        page.get_by_role("tab", name=tab).click()
        page.wait_for_load_state("networkidle")
    for path in ("/live", "/plots", "/compare?left=1&right=2"):
        page.goto(address + path)
        page.wait_for_load_state("networkidle")
    assert page.evaluate("window.hit") is None
    assert "hit" not in page.title()
    assert page.locator("script:not([src])").count() == 0


def test_content_that_was_not_captured_is_not_there(serve: Any, open_page: Any) -> None:
    page = open_page(f"{serve()}/queue?agent=clerk&order=oldest")
    page.locator(".item", has_text="not captured").first.click()
    page.locator(".pane-head").get_by_text("not captured").first.wait_for()
    page.locator(".span").first.wait_for()
    page.wait_for_load_state("networkidle")
    assert "Question" not in page.locator(".pane").inner_text()


def test_a_link_from_jaeger_opens_the_session(serve: Any, open_page: Any) -> None:
    """collector/jaeger-ui.json leads to a session by the id of its trace, or by its key."""
    address = serve()
    page = open_page(f"{address}/queue?review_status=all&s=1")
    told = page.evaluate("fetch('/api/v1/sessions/1/skeleton').then(answer => answer.json())")
    task = page.locator(".pane-head h1, .pane-head h2").first.inner_text()
    page.goto(f"{address}/sessions/{told['spans'][0]['trace_id']}")
    page.locator(".pane-head").get_by_text(task).first.wait_for()
    assert "/queue?s=" in page.url


def test_ten_thousand_spans_scroll(serve: Any, open_page: Any) -> None:
    page = open_page(f"{serve()}/queue?agent=walker")
    page.locator(".span").first.wait_for()
    for tab, rows, scrolled in (
        ("Steps", ".span", ".steps-scroll"),
        ("Tree", ".tree-row", ".tree"),
        ("Timeline", ".timeline-row", ".timeline"),
    ):
        page.get_by_role("tab", name=tab).click()
        page.locator(rows).first.wait_for()
        assert page.locator(rows).count() < 150, "only what is in sight is in the document"
        box = page.locator(scrolled)
        for _ in range(8):  # rows are measured as they come into sight, and the end moves
            box.evaluate("box => { box.scrollTop = box.scrollHeight }")
            page.wait_for_timeout(120)
        assert page.locator(rows).count() < 150
        assert page.locator(rows).last.is_visible()
    page.get_by_role("tab", name="Tree").click()
    page.get_by_role("tree").focus()
    page.keyboard.press("End")
    page.get_by_role("region", name="Span look").wait_for()
    page.locator(".drawer").get_by_text("room 9999").first.wait_for()
    assert "span=" in page.url
