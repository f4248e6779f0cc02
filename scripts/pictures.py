"""Take the pictures of the page that the documentation shows, in docs/images, over runs that are recorded for them.

    python scripts/pictures.py [--database-url URL]

It needs Chromium (scripts/browser.py). With the fonts Inter and JetBrains Mono (Debian: fonts-inter,
fonts-jetbrains-mono) they look as they are committed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import Page, Route, sync_playwright

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs/images"
SUPPORT = "/queue?agent=support-agent"
PICTURES = {
    "queue": f"{SUPPORT}&s={{first}}&step=2&at=2.2",
    "diff": f"{SUPPORT}&s={{first}}&step=2&at=2.diff",
}
RUBRIC = """\
agent: {type: python, import_path: none, attribute: none}
runtime_safety:
  review:
    rubric:
      criteria:
        - {name: correctness, description: "Is the reply right, and supported by what the tools gave?"}
        - {name: tone, description: "Would a customer like to read it?"}
        - {name: step, description: Needed and well done, per: step, min: 0, max: 2, labels: [bad, fair, good]}
"""


def record(url: str, folder: Path) -> None:
    """The runs that the pictures show."""
    sys.path.insert(0, str(ROOT))
    from tests.support.reviewable import fill

    demo = [sys.executable, "-m", "atlas_otel", "demo", "--database-url", url, "--output", str(folder / "demo.jsonl")]
    subprocess.run(demo, check=True, capture_output=True)
    fill(url, "support")


def take(page: Page, address: str, theme: str) -> None:
    """Each picture in one theme. Which database it was is no matter of theirs."""

    def named(route: Route) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, json={**answer.json(), "database": "localhost:5432/atlas"})

    page.route("**/api/v1/setup", named)
    page.goto(f"{address}{SUPPORT}")
    page.locator(".span").first.wait_for()
    first = page.locator(".item", has_text="Ana Duarte").get_attribute("id") or ""
    for name, path in PICTURES.items():
        page.goto(address + path.format(first=first.removeprefix("session-")))
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(800)
        page.screenshot(path=IMAGES / f"page-{name}-{theme}.png")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--database-url", help="an empty database; without it an embedded one")
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        url = parser.parse_args().database_url or f"embedded:{folder / 'database'}"
        (folder / "review.yaml").write_text(RUBRIC, encoding="utf-8")
        record(url, folder)
        options = ["--no-open", "--port", "0", "--as", "mina", "--config", str(folder / "review.yaml")]
        command = [sys.executable, "-m", "atlas_otel", "ui", *options, "--database-url", url]
        IMAGES.mkdir(exist_ok=True)
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server, sync_playwright() as run:
            said = server.stdout.readline() if server.stdout else ""
            found = re.search(r"http://[^\s/]+", said)
            if found is None:
                raise SystemExit(f"the page did not start: {said}")
            flags = ["--no-sandbox", "--disable-gpu", "--hide-scrollbars"]
            browser = run.chromium.launch(executable_path="/usr/bin/chromium", args=flags)
            for theme in ("light", "dark"):
                page = browser.new_page(viewport={"width": 1440, "height": 860}, color_scheme=theme)
                take(page, found[0], theme)
            browser.close()
            server.terminate()


if __name__ == "__main__":
    main()
