"""``atlas-otel lake build``."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from atlas_otel.cli import row_options as rows
from atlas_otel.cli import session_options as chosen
from atlas_otel.cli.dataset import print_manifest
from atlas_otel.cli.export import report_export
from atlas_otel.cli.lake_options import Catalog, LakeUrl, the_lake
from atlas_otel.cli.options import DatabaseUrl, Quiet
from atlas_otel.cli.progress import progress_bar
from atlas_otel.errors import UsageError
from atlas_otel.lake.build import Outputs
from atlas_otel_exporters.datasets.create import Plan
from atlas_otel_exporters.datasets.shards import file_kind
from atlas_otel_exporters.datasets.splitting import parse_splits
from atlas_otel_exporters.formats import FORMATS, FormatName
from atlas_otel_exporters.selection import Selection
from atlas_otel_exporters.training.options import Events

if TYPE_CHECKING:
    from atlas_otel.lake.build import Built, Engine

_ENGINES = ("local", "spark")


def build(
    lake: LakeUrl = None,
    catalog: Catalog = None,
    database_url: DatabaseUrl = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="Lines: a file (.gz and .zst compress, .parquet), or - for standard output.",
        ),
    ] = None,
    dataset: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A dataset, as `dataset create` makes it: a folder with nothing in it."),
    ] = None,
    tables: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Sessions, steps and model calls as tables, a file each.")
    ] = None,
    format: Annotated[
        FormatName, typer.Option(metavar="|".join(FORMATS), help="What a line is; see docs/reference/formats.md.")
    ] = "atlas",
    engine: Annotated[
        str, typer.Option(metavar="|".join(_ENGINES), help="Compute sessions on this machine, or with Spark.")
    ] = "local",
    workers: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help="local: this many processes. [default: one a core]", show_default=False),
    ] = None,
    master: Annotated[
        str | None,
        typer.Option(metavar="URL", help="spark: its master, such as spark://host:7077, k8s://… or local[4]."),
    ] = None,
    conf: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="spark: a setting, such as spark.executor.memory=4g. May be repeated."),
    ] = None,
    wheel: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="spark: the wheel of atlas-otel for the executors. [default: made of this one]",
            show_default=False,
        ),
    ] = None,
    config: chosen.ReviewConfig = None,
    session_id: Annotated[
        list[str] | None,
        typer.Option(metavar="SESSION", help="Only this session, by its key or its number. May be repeated."),
    ] = None,
    limit: chosen.Limit = None,
    offset: Annotated[int, typer.Option(metavar="N", min=0, help="Skip this many sessions.")] = 0,
    newest_first: Annotated[bool, typer.Option("--newest-first", help="The newest first; else the oldest.")] = False,
    status: chosen.Statuses = None,
    include_status: chosen.IncludeStatuses = None,
    include_all_statuses: chosen.IncludeAllStatuses = False,
    since: chosen.Since = None,
    until: chosen.Until = None,
    min_reward: chosen.MinReward = None,
    learning_key: chosen.LearningKey = None,
    trajectory_event_limit: Annotated[
        int | None,
        typer.Option(
            metavar="N", min=0, help="Only the newest events of each session; the line says how many are left out."
        ),
    ] = None,
    actor: rows.Actors = None,
    agent: rows.Agents = None,
    model: rows.Models = None,
    step: rows.Steps = None,
    finish_reason: rows.FinishReasons = None,
    tag: rows.Tags = None,
    valid: rows.Valid = None,
    min_call_reward: rows.CallMinReward = None,
    max_call_reward: rows.CallMaxReward = None,
    only_good: rows.OnlyGood = False,
    pairs: rows.Pairs = None,
    min_margin: rows.MinMargin = 0.0,
    same_prompt: rows.SamePrompt = False,
    unit: rows.RlUnit = "attempt",
    normalise: rows.Normalised = "none",
    arguments: rows.ToolArguments = "objects",
    events: Annotated[
        Events | None,
        typer.Option(
            metavar="full|text|none",
            help="atlas: events whole, with their data as JSON text, or left out. [default: full; of a dataset text]",
            show_default=False,
        ),
    ] = None,
    label_threshold: rows.LabelThreshold = 0.5,
    name: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="The dataset's name. [default: its folder's name]", show_default=False),
    ] = None,
    split: Annotated[
        str, typer.Option(metavar="SHARES", help="dataset: how many of the tasks go to each split.")
    ] = "train=0.9,validation=0.05,test=0.05",
    seed: Annotated[int, typer.Option(help="dataset: which tasks go where: another seed, another division.")] = 0,
    files: Annotated[
        str, typer.Option(metavar="parquet|jsonl", help="The file format of a dataset's rows, and of tables.")
    ] = "parquet",
    exclude: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE", help="dataset: tasks or requests, one a line, that must not be in it: a hit fails."
        ),
    ] = None,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="dataset: keep rows that say what another one says.")
    ] = False,
    join_near_duplicates: Annotated[
        bool, typer.Option("--join-near-duplicates", help="dataset: keep tasks that are nearly the same in one split.")
    ] = False,
    work: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="Unfinished work, from which an interrupted build continues. [default: next to the output]",
            show_default=False,
        ),
    ] = None,
    quiet: Quiet = False,
) -> None:
    """Build training lines, a dataset or tables from the lake: the bytes that an export of the same records has.

    Sessions are computed from their records, by every core of this machine or by a Spark cluster. With a database (its
    URL, or ATLAS_OTEL_DATABASE_URL), their numbers and their reviewers' verdicts are taken from it; without one, each
    is reviewed as its records say, and its number follows from its key.
    """
    from atlas_otel.lake.build import build as build_from
    from atlas_otel.lake.given import read_given
    from atlas_otel.lake.reviewing import late_records
    from atlas_otel.lake.table import open_lake
    from atlas_otel.postgres.dsn import database_url_from
    from atlas_otel_exporters.building.making import Job
    from atlas_otel_exporters.datasets.exclusion import Exclusion

    if output is not None and dataset is not None:
        raise UsageError("--output and --dataset are two builds: give one of them")
    options = rows.row_options(
        actor=actor,
        agent=agent,
        model=model,
        step=step,
        finish_reason=finish_reason,
        tag=tag,
        valid=valid,
        min_call_reward=min_call_reward,
        max_call_reward=max_call_reward,
        only_good=only_good,
        pairs=pairs,
        min_margin=min_margin,
        same_prompt=same_prompt,
        unit=unit,
        normalise=normalise,
        arguments=arguments,
        events=events if events is not None else "full" if dataset is None else "text",
        label_threshold=label_threshold,
    )
    selection = Selection(
        session_ids=tuple(session_id or ()),
        statuses=tuple(status or ()),
        review_statuses=chosen.statuses_asked_for(include_status, include_all=include_all_statuses, config=config),
        since=since,
        until=until,
        min_reward=min_reward,
        learning_key=learning_key,
        limit=limit,
        offset=offset,
        newest_first=newest_first,
    )
    plan = None
    if dataset is not None:
        plan = Plan(
            name=name or dataset.resolve().name,
            format=format,
            selection=selection,
            options=options,
            split=parse_splits(split),
            seed=seed,
            files=file_kind(files),
            exclude=None if exclude is None else Exclusion(exclude),
            keep_duplicates=keep_duplicates,
            join_near_duplicates=join_near_duplicates,
        )
    outputs = Outputs(
        work=work or _work_folder(output, dataset, tables),
        lines=output,
        dataset=None if dataset is None or plan is None else (dataset, plan),
        tables=None if tables is None else (tables, file_kind(files)),
    )
    outputs.require_free()
    made_by = _engine(engine, workers=workers, master=master, conf=conf, wheel=wheel)
    job = Job(
        None if output is None and dataset is None else format,
        options,
        selection,
        trajectory_event_limit,
        tables=tables is not None,
    )
    url = database_url_from(database_url, os.environ)
    with (
        open_lake(the_lake(lake), catalog, database=url) as opened,
        progress_bar("Building", shown=not quiet and sys.stderr.isatty()) as progress,
    ):
        given = {} if url is None else read_given(url)
        late = [] if url is None else late_records(url)
        built = build_from(opened, job, outputs, made_by, given=given, late=late, progress=progress)
    _report(built, outputs, quiet=quiet)


def _engine(
    name: str, *, workers: int | None, master: str | None, conf: list[str] | None, wheel: Path | None
) -> Engine:
    if name not in _ENGINES:
        raise UsageError(f"--engine {name}: there are {' and '.join(_ENGINES)}")
    for option, value, belongs in (
        ("--workers", workers, "local"),
        ("--master", master, "spark"),
        ("--conf", conf, "spark"),
        ("--wheel", wheel, "spark"),
    ):
        if value and name != belongs:
            raise UsageError(f"{option} is of --engine {belongs}")
    if name == "spark":
        from atlas_otel.lake.spark_engine import SparkEngine

        return SparkEngine.checked(master, conf or (), wheel)
    from atlas_otel.lake.local_engine import LocalEngine, cores

    return LocalEngine(workers or cores())


def _work_folder(output: str | None, dataset: Path | None, tables: Path | None) -> Path:
    beside = dataset or tables or (Path(output) if output not in (None, "-") else None)
    if beside is None:
        return Path(tempfile.mkdtemp(prefix="atlas-otel-build-"))
    beside = beside.expanduser().resolve()
    return beside.parent / f".{beside.name}.build"


def _report(built: Built, outputs: Outputs, *, quiet: bool) -> None:
    if not quiet and built.kept:
        typer.echo(f"{built.kept} of {built.units} units were made by a build that was broken off", err=True)
    if not quiet:
        for name, count in built.tables.items():
            typer.echo(f"{name}: {count} rows", err=True)
    if built.dataset is not None and not quiet:
        typer.echo(f"{built.dataset.name}, in {outputs.dataset[0] if outputs.dataset else ''}", err=True)
        print_manifest(built.dataset, err=True)
    if built.lines is not None:
        report_export(built.lines, str(outputs.lines), left="model calls", quiet=quiet, follow=False)
        if built.lines.sessions == 0 or built.lines.unreadable:
            raise typer.Exit(1)
