"""Check the built documentation site: its links lead somewhere, and it loads nothing from the network.

python scripts/check_site.py build/docs

Exit code 1, with one line for each fault.
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself, by tag.
LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "object": "data"}
CSS_URL = re.compile(r"(?:url\(|@import\s+)['\"]?(https?:)?//")


class Page(HTMLParser):
    """Where a page's links lead, what it loads, and the anchors it has."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value for name, value in attrs if value}
        self.anchors.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        if tag in LOADED and LOADED[tag] in given:
            self.loads.append(given[LOADED[tag]])
        if tag == "link" and "href" in given and given.get("rel") not in ("canonical", "author"):
            self.loads.append(given["href"])


def remote(url: str) -> bool:
    return url.startswith("//") or urlsplit(url).scheme in ("http", "https")


def faults(site: Path) -> list[str]:
    pages = {
        path.resolve(): Page(path.read_text("utf-8")) for path in site.rglob("*.html") if "_static" not in path.parts
    }
    found = []
    for path, page in sorted(pages.items()):
        where = path.relative_to(site.resolve())
        for url in page.loads:
            if url == "#":
                continue
            if remote(url):
                found.append(f"{where}: loads {url}")
            elif not url.startswith("data:") and not (path.parent / unquote(urlsplit(url).path)).is_file():
                found.append(f"{where}: loads {url}, which is not there")
        for url in page.links:
            parts = urlsplit(url)
            if url == "#" or parts.scheme or url.startswith("//"):
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.exists():
                found.append(f"{where}: links to {url}, which is not there")
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].anchors:
                found.append(f"{where}: links to {url}, whose anchor is not there")
    for style in sorted(site.rglob("*.css")):
        if CSS_URL.search(style.read_text("utf-8")):
            found.append(f"{style.relative_to(site)}: loads from the network")
    return found


def main(folder: str) -> None:
    site = Path(folder)
    if not (site / "index.html").is_file():
        sys.exit(f"{folder}: there is no site here; run make docs")
    found = faults(site)
    print("\n".join(found) or f"{folder}: links and assets are right")
    sys.exit(bool(found))


if __name__ == "__main__":
    main(sys.argv[1])
