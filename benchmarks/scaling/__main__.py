"""``python -m benchmarks.scaling``: write the tables of docs/scaling.md from the figures that are kept.

``--measure`` takes the figures anew first: some minutes, with Jaeger and the Collector built here (``make stack``).
``--set NAME=VALUE`` puts in another assumption and prints the page instead of writing it.
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import fields, replace

from benchmarks.scaling.figures import load, save
from benchmarks.scaling.page import PAGE, written
from benchmarks.scaling.sizing import Inputs


def main(arguments: list[str] | None = None) -> int:
    """Do what the command line asks for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.scaling", description=__doc__)
    parser.add_argument("--measure", action="store_true", help="take the figures anew")
    parser.add_argument("--sessions", type=int, default=600, help="of the traffic that is sent [600]")
    parser.add_argument("--rounds", type=int, default=5, help="for the rates of one and of two collectors [5]")
    parser.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="another assumption")
    asked = parser.parse_args(arguments)
    if asked.measure:
        from benchmarks.scaling.measure import measure

        save(measure(asked.sessions, asked.rounds))
    known = {field.name for field in fields(Inputs)}
    changes: dict[str, float] = {}
    for name, _, value in (one.partition("=") for one in asked.set):
        if name not in known:
            parser.error(f"no such input: {name}; there are {', '.join(sorted(known))}")
        changes[name] = float(value)
    page = written(PAGE.read_text("utf-8"), load(), replace(Inputs(), **changes))
    if changes:
        sys.stdout.write(page)
    else:
        PAGE.write_text(page, "utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
