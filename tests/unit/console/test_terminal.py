"""What a person sees at a terminal: who is at what, in order, readable on any background."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys
from collections.abc import Sequence

import pytest
from rich.cells import cell_len
from rich.color import Color
from rich.console import Console

import atlas_otel as atlas
from atlas_otel.console.coloured import RichView
from atlas_otel.console.colours import COLOURS
from atlas_otel.console.story import CallEnded, CallStarted, Happening, Story
from atlas_otel.records.record import SpanRecord
from atlas_otel.testing import recording

PROGRAM = """
import time
import atlas_otel as atlas
from atlas_otel.console import turns
turns.FIRST_S = turns.LONGEST_S = 30.0  # the machine may be busy
telemetry = atlas.configure("helpdesk", console=True)

@atlas.tool
def look(place):
    print("program: looking")
    time.sleep(0.1)
    return "found"

@atlas.session(name="finder")
def find(task):
    with atlas.step("Look", id=1):
        look("here")
        print("program: looked")
    return "done"

find("Find it")
print("program: end")
telemetry.shutdown()
"""


def at_a_terminal(program: str) -> list[str]:
    """What a terminal of 80 columns shows of a program."""
    parent, child = pty.openpty()
    kept = {key: value for key, value in os.environ.items() if not key.startswith(("ATLAS_", "OTEL_"))}
    env = {**kept, "COLUMNS": "80", "TERM": "xterm-256color"}
    running = subprocess.Popen([sys.executable, "-c", program], stdin=child, stdout=child, stderr=child, env=env)
    os.close(child)
    seen = b""
    try:
        while piece := os.read(parent, 65_536):
            seen += piece
    except OSError:  # the other end is closed
        pass
    assert running.wait(60) == 0
    os.close(parent)
    plain = re.sub(r"\x1b\[[\d;?]*[A-Za-z]", "", seen.decode())
    return [line.rstrip() for line in plain.splitlines() if line.strip()]


def test_the_programs_prints_do_not_overtake_the_story() -> None:
    seen = [re.sub(r"\d+(\.\d+)? m?s|\d\d:\d\d:\d\d", "TIME", line) for line in at_a_terminal(PROGRAM)]
    assert seen == [
        "▶ Find it  TIME",
        "  1 Look",
        "    ▸ tool look …",
        "program: looking",
        "    ✔ tool look  TIME",
        "program: looked",
        "  • 1 Look  TIME",
        "✔ completed in TIME · 1 attempts",
        "  done",
        "program: end",
    ]


def test_streams_are_as_they_were_afterwards() -> None:
    program = PROGRAM + "\nimport sys\nprint('write' in vars(sys.stdout), 'write' in vars(sys.stderr))\n"
    assert at_a_terminal(program)[-1] == "False False"


def shown(happenings: Sequence[Happening], width: int = 80) -> list[str]:
    stream = io.StringIO()
    view = RichView(lambda trace_id: None, Console(file=stream, width=width, highlight=False))
    for happening in happenings:
        view.show(happening)
    return stream.getvalue().splitlines()


def told(records: Sequence[object]) -> list[Happening]:
    story = Story()
    return [happening for record in records for happening in story.tell(record)]  # type: ignore[arg-type]


def test_a_long_line_goes_on_below_its_beginning() -> None:
    with recording() as recorded:
        with atlas.session("t", name="s"), atlas.step("word " * 40, id=1):
            atlas.add_guidance("note " * 40)
        lines = shown(told(recorded.all))
    assert all(cell_len(line) <= 80 for line in lines)
    steps = [line for line in lines if "word" in line]
    assert steps[0].startswith("  1 word word")
    assert all(line.startswith("  word") or "1 word" in line or line.startswith("    word") for line in steps)
    notes = [line for line in lines if "note" in line]
    assert notes[0].startswith("    ↳ note")
    assert len(notes) > 2
    assert all(line.startswith("      note") for line in notes[1:])


def test_calls_begin_and_end_indented_by_what_encloses_them() -> None:
    around = (atlas.session("t", name="s"), atlas.step("one", id=1), atlas.agent("helper"), atlas.observe("plain"))
    with recording() as recorded, around[0], around[1], around[2], around[3], atlas.tool("look"):
        snapshots = [*recorded.all, *(span.snapshot() for span in recorded.running)]
    begun = [record for record in snapshots if isinstance(record, SpanRecord)]
    ended = [span for span in recorded.spans if span.kind != "session"]
    happenings = told([*sorted(begun, key=lambda span: span.start_ns), *ended])
    assert [
        (type(one).__name__, one.name, one.depth) for one in happenings if isinstance(one, (CallStarted, CallEnded))
    ] == [
        ("CallStarted", "helper", 1),
        ("CallStarted", "look", 2),
        ("CallEnded", "look", 2),
        ("CallEnded", "helper", 1),
    ]


def test_of_several_sessions_each_line_says_whose_it_is() -> None:
    with recording(new_key=iter(["aaaaaaaa", "bbbbbbbb"]).__next__) as recorded:
        with atlas.session("first", name="planner"), atlas.session("second", name="writer", new=True) as inner:
            inner.final_answer = "two\nlines"
        lines = shown(told(recorded.all))
    begun = lines.index("bbbbbb writer ▶ second  " + lines[1].rpartition("  ")[2])
    ended = next(at for at, line in enumerate(lines) if "lines" in line)
    assert all(line.startswith("bbbbbb writer ") for line in lines[begun : ended + 1])
    assert "bbbbbb writer   two" in lines


@pytest.mark.parametrize("name", COLOURS)
def test_each_colour_can_be_read_on_black_and_on_white(name: str) -> None:
    def light(part: int) -> float:
        share = part / 255
        return share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4

    triplet = Color.parse(name).get_truecolor()
    luminance = 0.2126 * light(triplet.red) + 0.7152 * light(triplet.green) + 0.0722 * light(triplet.blue)
    assert (luminance + 0.05) / 0.05 >= 3.5, "on black"
    assert 1.05 / (luminance + 0.05) >= 3.5, "on white"
