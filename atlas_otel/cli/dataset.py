"""``atlas-otel dataset``."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from atlas_otel.cli import row_options as rows
from atlas_otel.cli import session_options as chosen
from atlas_otel.cli.options import AsJson, DatabaseUrl, Quiet, command_app, print_json, the_database
from atlas_otel.cli.progress import progress_bar
from atlas_otel.errors import AtlasOtelError
from atlas_otel_exporters.formats import FORMATS, FormatName
from atlas_otel_exporters.selection import Selection

if TYPE_CHECKING:
    from atlas_otel_exporters.datasets.manifest import Manifest

app = command_app("Folders of training rows: split by task, described, checkable.")

Folder: TypeAlias = Annotated[Path, typer.Argument(metavar="DIR", help="The dataset's folder.")]


@app.command()
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The dataset's name.")],
    output: Annotated[Path, typer.Option(metavar="DIR", help="The folder to make; it must not hold anything.")],
    format: Annotated[
        FormatName, typer.Option(metavar="|".join(FORMATS), help="The format of a row; see docs/reference/formats.md.")
    ],
    database_url: DatabaseUrl = None,
    config: chosen.ReviewConfig = None,
    session_id: chosen.SessionNames = None,
    limit: chosen.Limit = None,
    status: chosen.Statuses = None,
    include_status: chosen.IncludeStatuses = None,
    include_all_statuses: chosen.IncludeAllStatuses = False,
    since: chosen.Since = None,
    until: chosen.Until = None,
    min_reward: chosen.MinReward = None,
    learning_key: chosen.LearningKey = None,
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
    events: rows.EventText = "text",
    label_threshold: rows.LabelThreshold = 0.5,
    split: Annotated[
        str, typer.Option(metavar="SHARES", help="How many of the tasks go to each split.")
    ] = "train=0.9,validation=0.05,test=0.05",
    seed: Annotated[int, typer.Option(help="Which tasks go where: another seed, another division.")] = 0,
    files: Annotated[str, typer.Option(metavar="parquet|jsonl", help="The file format of the rows.")] = "parquet",
    exclude: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Tasks or requests, one a line, that must not be in it: a hit fails."),
    ] = None,
    keep_duplicates: Annotated[
        bool, typer.Option("--keep-duplicates", help="Keep rows that say what another one says.")
    ] = False,
    join_near_duplicates: Annotated[
        bool, typer.Option("--join-near-duplicates", help="Keep tasks that are nearly the same in one split.")
    ] = False,
    quiet: Quiet = False,
) -> None:
    """Make a dataset of recorded sessions: files of rows, a card, a manifest, and where each row comes from."""
    from atlas_otel_exporters.datasets.create import Plan, create_dataset
    from atlas_otel_exporters.datasets.exclusion import Exclusion
    from atlas_otel_exporters.datasets.register import register_dataset
    from atlas_otel_exporters.datasets.shards import file_kind
    from atlas_otel_exporters.datasets.splitting import parse_splits

    statuses = chosen.statuses_asked_for(include_status, include_all=include_all_statuses, config=config)
    plan = Plan(
        name=name,
        format=format,
        selection=Selection(
            session_ids=tuple(session_id or ()),
            statuses=tuple(status or ()),
            review_statuses=statuses,
            since=since,
            until=until,
            min_reward=min_reward,
            learning_key=learning_key,
            limit=limit,
        ),
        options=rows.row_options(
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
            events=events,
            label_threshold=label_threshold,
        ),
        split=parse_splits(split),
        seed=seed,
        files=file_kind(files),
        exclude=None if exclude is None else Exclusion(exclude),
        keep_duplicates=keep_duplicates,
        join_near_duplicates=join_near_duplicates,
    )
    with progress_bar("Reading", shown=not quiet and sys.stderr.isatty()) as progress:
        url = the_database(database_url)
        manifest = create_dataset(output, plan, database_url=url, progress=progress)
    try:
        register_dataset(url, output, manifest)
    except AtlasOtelError as error:  # a role that only reads: the dataset is whole without it
        typer.echo(f"the database does not list this dataset, so sessions do not name it: {error}", err=True)
    if not quiet:
        typer.echo(f"{name}, in {output}", err=True)
        print_manifest(manifest, err=True)


@app.command()
def show(folder: Folder, as_json: AsJson = False) -> None:
    """Show what is in a dataset, what it was selected by, and what was left out."""
    from atlas_otel_exporters.datasets.manifest import MANIFEST, read_manifest

    manifest = read_manifest(folder)
    if as_json:
        typer.echo((folder / MANIFEST).read_text(encoding="utf-8"), nl=False)
        return
    typer.echo(f"{manifest.name}  {manifest.format}  {manifest.content_hash[:16]}")
    print_manifest(manifest, err=False)
    for key, value in sorted(manifest.selection.items()):
        typer.echo(f"  selected by {key}: {value}")
    typer.echo(f"  from {manifest.database}, by {manifest.writer}")


@app.command("list")
def list_(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to look for datasets.")] = Path(),
    as_json: AsJson = False,
) -> None:
    """List the datasets below a folder."""
    from atlas_otel_exporters.datasets.manifest import datasets_below

    found = datasets_below(folder)
    if as_json:
        print_json([{"folder": str(path), "name": m.name, "format": m.format, **m.counts} for path, m in found])
        return
    for path, manifest in found:
        typer.echo(f"{path}  {manifest.name}  {manifest.format}  {manifest.counts.get('rows', 0)} rows")
    if not found:
        typer.echo(f"no dataset below {folder}", err=True)


@app.command()
def diff(
    first: Annotated[Path, typer.Argument(metavar="A", help="A dataset's folder.")],
    second: Annotated[Path, typer.Argument(metavar="B", help="Another one's.")],
    as_json: AsJson = False,
) -> None:
    """Compare two datasets: rows by what they say, sessions by their names, and what was asked otherwise."""
    from atlas_otel_exporters.datasets.checking import compare_datasets

    found = compare_datasets(first, second)
    if as_json:
        print_json(found._asdict())
        return
    typer.echo(f"{found.both} rows in both ({found.moved} of them in another split)")
    typer.echo(f"{found.only_first} rows only in {first}, {found.only_second} only in {second}")
    for where, sessions in ((first, found.sessions_only_first), (second, found.sessions_only_second)):
        if sessions:
            typer.echo(f"sessions only in {where}: {', '.join(sessions)}")
    for line in found.settings:
        typer.echo(line)


@app.command()
def verify(folder: Folder, database_url: DatabaseUrl = None, as_json: AsJson = False) -> None:
    """Compare a dataset with the database; exit code 1 if they differ.

    Checks its files, its rows against the recorded spans, and for sessions that were quarantined, deleted or scored
    again since.
    """
    from atlas_otel_exporters.datasets.checking import check_dataset

    found = list(check_dataset(folder, database_url=the_database(database_url)))
    if as_json:
        print_json([one._asdict() for one in found])
    for one in found if not as_json else ():
        typer.echo(f"{one.cause}: {one.what} ({one.rows} rows)")
    if found:
        raise typer.Exit(1)
    if not as_json:
        typer.echo("every row is what the database says", err=True)


@app.command()
def upload(
    folder: Folder,
    repository: Annotated[str, typer.Argument(metavar="REPOSITORY", help="Its name on the Hub: organisation/name.")],
    public: Annotated[bool, typer.Option("--public", help="Make a new repository that everybody may read.")] = False,
    with_lineage: Annotated[
        bool,
        typer.Option("--with-lineage", help="Upload manifest and lineage too; they name your database and sessions."),
    ] = False,
) -> None:
    """Upload a dataset's rows and card to the Hugging Face Hub, with the token of `hf auth login` or of HF_TOKEN."""
    from atlas_otel_exporters.datasets.upload import upload_dataset

    typer.echo(upload_dataset(folder, repository, private=not public, lineage=with_lineage))


def print_manifest(manifest: Manifest, *, err: bool) -> None:
    """Say what is in a dataset, and what was left out."""
    for what, count in manifest.counts.items():
        typer.echo(f"  {what}: {count}", err=err)
    for reason, count in manifest.left_out.items():
        typer.echo(f"  left out: {count} ({reason})", err=err)
