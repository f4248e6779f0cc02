"""The documentation site: Sphinx over the Markdown in this folder. `make docs` builds it, with warnings as errors."""

from __future__ import annotations

import re
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from sphinx.ext import napoleon

project = "atlas-otel"
author = "The atlas-otel authors"
copyright = "The atlas-otel authors, Apache-2.0"
release = version = installed("atlas-otel")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon", "sphinx_copybutton"]
source_suffix = {".md": "markdown"}
root_doc = "index"
exclude_patterns = ["drawings"]

myst_enable_extensions = ["deflist"]
myst_heading_anchors = 4

autodoc_member_order = "bysource"
autodoc_typehints = "description"
autodoc_typehints_description_target = "documented"
autodoc_preserve_defaults = True
autodoc_class_signature = "separated"
napoleon_google_docstring = True
napoleon_numpy_docstring = False

html_theme = "pydata_sphinx_theme"
html_title = f"atlas-otel {release}"
html_show_sourcelink = False
html_copy_source = False
html_last_updated_fmt = None
html_static_path = ["static"]
html_css_files = ["site.css"]
html_sidebars = {"index": [], "get-started": []}
html_theme_options = {
    "logo": {"text": "atlas-otel"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "navigation_with_keys": False,
    "show_prev_next": True,
    "show_toc_level": 2,
    "secondary_sidebar_items": ["page-toc"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "icon_links": [],
}
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True


DOCS = Path(__file__).parent
LINK = re.compile(r"\]\((?!\w+:)([^)#\s]+)")


def offer_files(app: Any, page: str, source: list[str]) -> None:
    """Links to files outside this folder become downloads: a reader of the site has no checkout."""
    folder = (DOCS / page).parent

    def target(found: re.Match[str]) -> str:
        file = (folder / found[1]).resolve()
        outside = not file.is_relative_to(DOCS) and file.is_file()
        return f"](path:{found[1]}" if outside else found[0]

    source[0] = LINK.sub(target, source[0])


def read_docstring(app: Any, what: str, *rest: Any) -> None:
    """Napoleon, but not for attributes: it takes what stands before a colon in their first line for a type."""
    if what not in ("attribute", "property"):
        napoleon._process_docstring(app, what, *rest)


def setup(app: Any) -> None:
    """Connect both."""
    app.connect("source-read", offer_files)
    for listener in list(app.events.listeners["autodoc-process-docstring"]):
        if listener.handler is napoleon._process_docstring:
            app.disconnect(listener.id)
    app.connect("autodoc-process-docstring", read_docstring)
