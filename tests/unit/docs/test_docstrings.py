"""Public docstrings teach: every parameter is explained, and every example runs and gives what it says."""

from __future__ import annotations

import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import atlas_otel as atlas
from atlas_otel import adapters, testing
from atlas_otel.events import forms
from atlas_otel.models import evaluation
from atlas_otel.records import json_text

# What puts recording in place for the whole process: not inside a recording of the test.
CONFIGURES = {"configure", "get_trace_url", "run", "arun", "AgentAdapter"}
# Without an example: what these do shows only beside others.
PLAIN = {"flush", "shutdown"}

RUN = """
import doctest, sys
from contextlib import nullcontext
import atlas_otel as atlas
from atlas_otel.testing import recording
for path in sys.argv[2:]:
    module, _, name = path.partition(":")
    held = getattr(__import__(module, fromlist=[name]), name)
    finder = doctest.DocTestFinder(recurse=False)
    tests = finder.find(held, name, module=False, globs={"atlas": atlas, "atlas_otel": atlas, name: held})
    with recording() if sys.argv[1] == "recorded" else nullcontext():
        runner = doctest.DocTestRunner()
        for test in tests:
            if name == held.__name__ and module != "atlas_otel":
                test.globs.update(vars(__import__(module, fromlist=[name])))
            runner.run(test)
    if runner.failures or not runner.tries:
        sys.exit(f"{path}: {runner.failures} of {runner.tries} examples failed")
"""


def public() -> Iterator[tuple[str, Any]]:
    for name in atlas.__all__:
        held = getattr(atlas, name)
        if inspect.isfunction(held):
            yield f"atlas_otel:{name}", held
    yield "atlas_otel.testing:recording", testing.recording
    yield "atlas_otel.adapters:AgentAdapter", adapters.AgentAdapter


PUBLIC = dict(public())
INSIDE = [
    f"{module.__name__}:{name}"
    for module in (forms, evaluation, json_text)
    for name, held in vars(module).items()
    if inspect.isfunction(held) and held.__module__ == module.__name__ and ">>>" in (held.__doc__ or "")
]


@pytest.mark.parametrize("path", PUBLIC)
def test_every_parameter_is_explained(path: str) -> None:
    held: Callable[..., Any] = PUBLIC[path]
    text = inspect.getdoc(held) or ""
    assert text.strip(), path
    if path.endswith("register_form") or inspect.isclass(held):
        return
    explained = set()
    if "Args:" in text:
        section = re.split(r"\n(?=\S)", text.split("Args:\n", 1)[1])[0]
        for line in re.findall(r"^    ([*\w, ]+):", section, re.MULTILINE):
            explained.update(name.strip("* ") for name in line.split(","))
    wanted = {name for name in inspect.signature(held).parameters if name not in ("function", "timeout_s")}
    assert wanted - explained == set(), path


def run(how: str, paths: list[str], folder: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ATLAS_", "OTEL_"))}
    done = subprocess.run(
        [sys.executable, "-c", RUN, how, *paths],
        cwd=folder, env=environment, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_examples_run(tmp_path: Path) -> None:
    names = {path: path.partition(":")[2] for path in PUBLIC}
    assert [
        path for path, name in names.items() if ">>>" not in (PUBLIC[path].__doc__ or "") and name not in PLAIN
    ] == []
    run("recorded", [path for path, name in names.items() if name not in CONFIGURES | PLAIN] + INSIDE, tmp_path)
    run("configured", [path for path, name in names.items() if name in CONFIGURES], tmp_path)
