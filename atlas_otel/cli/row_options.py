"""Options on training rows, which ``export`` and ``dataset create`` share."""

from __future__ import annotations

from typing import Annotated, TypeAlias

import typer

from atlas_otel.errors import UsageError
from atlas_otel_exporters.training.options import (
    PAIR_SOURCES,
    UNITS,
    Arguments,
    CallFilter,
    Events,
    Normalise,
    PairSource,
    RowOptions,
    Unit,
)

Actors: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        "--actor",
        metavar="ACTOR",
        help="Only model calls of this actor (student, teacher, reward, probe, …). May be repeated. [default: all but "
        "those who govern the run]",
        show_default=False,
    ),
]
Agents: TypeAlias = Annotated[
    list[str] | None, typer.Option("--agent", metavar="NAME", help="Only model calls of this agent. May be repeated.")
]
Models: TypeAlias = Annotated[
    list[str] | None, typer.Option("--model", metavar="NAME", help="Only calls of this model. May be repeated.")
]
Steps: TypeAlias = Annotated[
    list[int] | None, typer.Option("--step", metavar="ID", help="Only calls in this step of a plan. May be repeated.")
]
FinishReasons: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--finish-reason", metavar="REASON", help="Only calls that ended so (stop, length, …). Repeatable."),
]
Tags: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--tag", metavar="TAG", help="Only calls of sessions with this tag. May be repeated: all of them."),
]
Valid: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--valid/--refused",
        help="Only calls of attempts that passed their validation, or that were refused by it. [default: both]",
        show_default=False,
    ),
]
CallMinReward: TypeAlias = Annotated[
    float | None,
    typer.Option("--min-call-reward", metavar="NUMBER", help="Only calls whose nearest reward is at least this."),
]
CallMaxReward: TypeAlias = Annotated[
    float | None,
    typer.Option("--max-call-reward", metavar="NUMBER", help="Only calls whose nearest reward is at most this."),
]
OnlyGood: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--only-good",
        help="Leave out calls that failed, were cut, broke off, were refused by validation or never answered.",
    ),
]
Pairs: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SOURCES",
        help=f"preference: where pairs come from, of {', '.join(PAIR_SOURCES)}. [default: all of them]",
        show_default=False,
    ),
]
MinMargin: TypeAlias = Annotated[
    float, typer.Option(metavar="NUMBER", min=0, help="preference: only pairs whose rewards differ by at least this.")
]
SamePrompt: TypeAlias = Annotated[
    bool, typer.Option("--same-prompt", help="preference: only pairs of answers that were given to one request.")
]
RlUnit: TypeAlias = Annotated[
    Unit, typer.Option("--unit", metavar="|".join(UNITS), help="rl: what is rewarded as one.")
]
Normalised: TypeAlias = Annotated[
    Normalise,
    typer.Option(metavar="none|group", help="rl: write each reward's advantage among the runs of its task."),
]
ToolArguments: TypeAlias = Annotated[
    Arguments, typer.Option(metavar="objects|text", help="Arguments of tool calls: as objects, or as JSON text.")
]
EventText: TypeAlias = Annotated[
    Events,
    typer.Option(metavar="full|text|none", help="atlas: events whole, with their data as JSON text, or left out."),
]
LabelThreshold: TypeAlias = Annotated[
    float,
    typer.Option(metavar="NUMBER", help="kto: from this reward on an answer is good, where nobody gave a verdict."),
]


def row_options(
    *,
    actor: list[str] | None,
    agent: list[str] | None,
    model: list[str] | None,
    step: list[int] | None,
    finish_reason: list[str] | None,
    tag: list[str] | None,
    valid: bool | None,
    min_call_reward: float | None,
    max_call_reward: float | None,
    only_good: bool,
    pairs: str | None,
    min_margin: float,
    same_prompt: bool,
    unit: Unit,
    normalise: Normalise,
    arguments: Arguments,
    events: Events,
    label_threshold: float,
) -> RowOptions:
    """What these options ask for. Raises UsageError where ``pairs`` names an unknown source."""
    return RowOptions(
        calls=CallFilter(
            actors=frozenset(actor or ()),
            agents=frozenset(agent or ()),
            models=frozenset(model or ()),
            steps=frozenset(step or ()),
            finish_reasons=frozenset(finish_reason or ()),
            tags=frozenset(tag or ()),
            valid=valid,
            min_reward=min_call_reward,
            max_reward=max_call_reward,
            only_good=only_good,
        ),
        pairs=pair_sources(pairs),
        min_margin=min_margin,
        same_prompt=same_prompt,
        unit=unit,
        normalise=normalise,
        arguments=arguments,
        events=events,
        label_threshold=label_threshold,
    )


def pair_sources(text: str | None) -> frozenset[PairSource]:
    """The sources in ``attempts,siblings``. Raises UsageError where one of them is unknown."""
    if text is None:
        return RowOptions().pairs
    named = [name.strip() for name in text.split(",") if name.strip()]
    known: list[PairSource] = [source for source in PAIR_SOURCES if source in named]
    if unknown := [name for name in named if name not in PAIR_SOURCES]:
        raise UsageError(f"--pairs {text}: no pairs come from {', '.join(unknown)}; name {', '.join(PAIR_SOURCES)}")
    if not known:
        raise UsageError(f"--pairs is empty; name one or more of {', '.join(PAIR_SOURCES)}")
    return frozenset(known)
