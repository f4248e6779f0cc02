"""Units made by Spark: each a task of its own, by the same function as on this machine, shipped with the job.

Spark hands out units and brings their sessions back; the records go from the lake's files into the executors' Python
and nowhere else. What an executor that dies had made is made again elsewhere, and is the same.
"""

from __future__ import annotations

import os
import pickle
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from atlas_otel.errors import AtlasOtelError, ConfigError, ExportError, UsageError
from atlas_otel.lake.engine import make_unit
from atlas_otel.lake.shipping import code_archive
from atlas_otel_exporters.building.making import Made
from atlas_otel_exporters.building.staged import write_unit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from atlas_otel.lake.engine import Task
    from atlas_otel_exporters.building.making import Job
    from atlas_otel_exporters.building.staged import Staged

_PIECE: Final = 16 * 1024 * 1024
"""Bytes of a body in one row: Arrow and Spark hold no row beyond 2 GB, and many large ones badly."""
_ROWS: Final = 256
_SCHEMA: Final = "unit int, number long, key string, skipped string, conversation string, last boolean, body binary"
_MASTERS: Final = re.compile(r"local(\[.+\])?|local-cluster\[.+\]|(spark|k8s)://.+|yarn", re.ASCII)
_OLDEST_JAVA: Final = 17
EXECUTORS_WAIT_S: Final = 120.0
"""How long a cluster may take until its first executor is there."""
_SETTINGS: Final[Mapping[str, str]] = {
    "spark.app.name": "atlas-otel lake build",
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.sql.session.timeZone": "UTC",
    # Sessions are large: a batch of Spark's usual 10,000 rows would be gigabytes.
    "spark.sql.inMemoryColumnarStorage.batchSize": "16",
    "spark.sql.execution.arrow.maxRecordsPerBatch": "1",
    # A unit that is slow is one long session: a second copy of it would only take another's place.
    "spark.speculation": "false",
}


class SparkEngine(NamedTuple):
    """Makes units on the cluster of ``master``."""

    master: str
    settings: Mapping[str, str]
    wheel: Path | None

    @classmethod
    def checked(cls, master: str | None, conf: Sequence[str], wheel: Path | None) -> SparkEngine:
        """The engine, where this machine can drive it.

        Raises UsageError where a setting or the master is none, ConfigError where Java or pyspark is missing or no
        master answers.
        """
        if master is None:
            raise UsageError("--engine spark needs --master: spark://host:7077, k8s://…, yarn, or local[4]")
        if _MASTERS.fullmatch(master) is None:
            raise UsageError(f"--master {master}: is none of spark://host:port, k8s://…, yarn, local[N]")
        settings = {}
        for one in conf:
            key, separator, value = one.partition("=")
            if not separator or not key.startswith("spark."):
                raise UsageError(f"--conf {key}: is no setting such as spark.executor.memory=4g")
            settings[key] = value
        _require_java()
        _require_pyspark()
        if master.startswith("spark://"):
            _require_master(master)
        return cls(master, settings, wheel)

    def __call__(self, job: Job, tasks: Sequence[Task], staged: Staged, done: Callable[[], None]) -> None:
        """Make the units of ``tasks``, all of them at once as far as there are executors.

        Raises ConfigError where the executors cannot run this code, ExportError where Spark gives up.
        """
        if not tasks:
            return
        with tempfile.TemporaryDirectory(prefix="atlas-otel-spark-") as folder, self._session(Path(folder)) as spark:
            from pyspark import StorageLevel

            sent = [(task.unit.number, pickle.dumps((job, task), protocol=5)) for task in tasks]
            rows = spark.sparkContext.parallelize(sent, len(sent))
            made = spark.createDataFrame(rows, "unit int, task binary").mapInArrow(_make_units, _SCHEMA)
            made = made.persist(StorageLevel.DISK_ONLY)
            with _executors_awaited(spark):
                made.count()
            _take(made.toLocalIterator(prefetchPartitions=True), tasks, staged, done)

    def _python(self) -> str:
        """The executors' Python: as it is set, else this one where they are on this machine, else theirs."""
        stated = self.settings.get("spark.pyspark.python") or os.environ.get("PYSPARK_PYTHON")
        return stated or (sys.executable if self.master.startswith("local") else "python3")

    @contextmanager
    def _session(self, folder: Path) -> Iterator[Any]:
        from pyspark.sql import SparkSession

        builder = SparkSession.builder.master(self.master)
        for key, value in {**_SETTINGS, **self.settings}.items():
            builder = builder.config(key, value)
        code = code_archive(folder, self.wheel)
        with _spark_errors(), _python_of_executors(self._python()):
            spark = builder.getOrCreate()
            try:
                spark.sparkContext.setLogLevel("ERROR")
                spark.sparkContext.addPyFile(str(code))
                yield spark
            finally:
                with suppress(Exception):  # it may be gone already
                    spark.stop()


@contextmanager
def _python_of_executors(python: str) -> Iterator[None]:
    """pyspark asks the environment alone, however the setting reads."""
    before = os.environ.get("PYSPARK_PYTHON")
    os.environ["PYSPARK_PYTHON"] = python
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYSPARK_PYTHON"]
        else:
            os.environ["PYSPARK_PYTHON"] = before


def _make_units(batches: Iterator[Any]) -> Iterator[Any]:
    """On an executor: units, as they were sent, into rows of their sessions, several rows for a large one."""
    import pyarrow as pa

    for batch in batches:
        for sent in batch.to_pylist():
            job, task = pickle.loads(sent["task"])  # noqa: S301  (the driver's)
            held: list[tuple[Any, ...]] = []
            size = 0
            for row in _rows(sent["unit"], make_unit(job, task)):
                held.append(row)
                size += len(row[-1])
                if size >= _PIECE or len(held) >= _ROWS:
                    yield _batch(pa, held)
                    held, size = [], 0
            if held:
                yield _batch(pa, held)


def _rows(unit: int, sessions: Iterator[Made]) -> Iterator[tuple[Any, ...]]:
    for made in sessions:
        for at in range(0, max(len(made.body), 1), _PIECE):
            last = at + _PIECE >= len(made.body)
            yield unit, made.number, made.key, made.skipped, made.conversation, last, made.body[at : at + _PIECE]


def _batch(pa: Any, rows: Sequence[tuple[Any, ...]]) -> Any:
    types = {"int": pa.int32(), "long": pa.int64(), "string": pa.string(), "boolean": pa.bool_(), "binary": pa.binary()}
    columns = [column.split() for column in _SCHEMA.split(", ")]
    arrays = [
        pa.array(values, type=types[kind]) for values, (_, kind) in zip(zip(*rows, strict=True), columns, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, names=[name for name, _ in columns])


def _take(rows: Iterator[Any], tasks: Sequence[Task], staged: Staged, done: Callable[[], None]) -> None:
    """Put the sessions of each unit, which come one unit after the other, where they are read from."""
    current = next(rows, None)

    def of_unit(number: int) -> Iterator[Made]:
        nonlocal current
        pieces: list[bytes] = []
        while current is not None and current["unit"] == number:
            pieces.append(bytes(current["body"]))
            if current["last"]:
                yield Made(
                    current["number"], current["key"], current["skipped"], current["conversation"], b"".join(pieces)
                )
                pieces = []
            current = next(rows, None)

    for task in tasks:
        number = task.unit.number
        staged.add(number, write_unit(staged.folder, number, of_unit(number)))
        done()
    assert current is None, "Spark brought a unit out of order"


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    java = shutil.which("java", path=str(Path(home, "bin"))) if home else shutil.which("java")
    if java is None:
        where = f"in JAVA_HOME ({home})" if home else "on the path"
        raise ConfigError(f"Spark needs Java {_OLDEST_JAVA} or newer, and there is none {where}: install one")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', said)
    if found is None or int(found[1]) < _OLDEST_JAVA:
        raise ConfigError(f"Spark needs Java {_OLDEST_JAVA} or newer, and {java} is {found[1] if found else 'broken'}")


def _require_pyspark() -> None:
    try:
        import pyspark  # noqa: F401
    except ModuleNotFoundError:
        raise ConfigError(
            "--engine spark needs pyspark: pip install 'pyspark>=4,<5' 'pandas<3' beside atlas-otel[lake]"
        ) from None


def _require_master(master: str) -> None:
    """Whether one of the named masters is there: Spark itself would try for a minute, and say a page."""
    problems = []
    for place in master.removeprefix("spark://").split(","):
        host, _, port = place.rpartition(":")
        try:
            with socket.create_connection((host.strip("[]"), int(port)), timeout=5):
                return
        except (OSError, ValueError, OverflowError) as error:
            problems.append(
                f"{place}: {error.strerror or error}" if isinstance(error, OSError) else f"{place}: no port"
            )
    raise ConfigError(f"--master {master}: no master answers ({'; '.join(problems)})")


@contextmanager
def _executors_awaited(spark: Any) -> Iterator[None]:
    """Ends the job where no executor has come after a while: Spark would wait for ever."""
    context, over = spark.sparkContext, threading.Event()
    gave_up = threading.Event()

    def watch() -> None:
        if not over.wait(EXECUTORS_WAIT_S) and context._jsc.sc().getExecutorMemoryStatus().size() < 2:
            gave_up.set()
            context.cancelAllJobs()

    alone = context.master.startswith("local[") or context.master == "local"
    watcher = threading.Thread(target=watch, name="atlas-otel-spark-executors", daemon=True)
    if not alone:
        watcher.start()
    try:
        yield
    except Exception:
        if gave_up.is_set():
            raise ExportError(
                f"no executor came within {EXECUTORS_WAIT_S:.0f} s: does {context.master} have workers with free cores "
                "and memory? (--conf spark.executor.memory=…)"
            ) from None
        raise
    finally:
        over.set()


@contextmanager
def _spark_errors() -> Iterator[None]:
    """What Spark raises leaves the block as one line."""
    try:
        yield
    except (AtlasOtelError, GeneratorExit, KeyboardInterrupt):
        raise
    except Exception as error:
        if not type(error).__module__.startswith(("py4j", "pyspark")):
            raise
        raise translated(str(error)) from None


_MISSING: Final = re.compile(r"ModuleNotFoundError: No module named '([^']+)'")
_PYTHONS: Final = re.compile(r"PYTHON_VERSION_MISMATCH|Python in worker has different version[^.]*")
_OURS: Final = re.compile(r"atlas_otel\.errors\.\w+: (.+)")


def translated(said: str) -> AtlasOtelError:
    """The error for what Spark said, most of which is a Java stack."""
    if found := _MISSING.search(said):
        return ConfigError(
            f"the executors' Python lacks {found[1]}: pip install 'atlas-otel[lake]' there, or name another Python "
            "with --conf spark.pyspark.python=…"
        )
    if _PYTHONS.search(said):
        return ConfigError(
            "the executors run another Python than this one: name one of the same version with "
            "--conf spark.pyspark.python=…"
        )
    if found := _OURS.search(said):
        return ExportError(found[1].strip())
    lines = [line.strip() for line in said.splitlines() if line.strip() and not line.lstrip().startswith("at ")]
    causes = [line for line in lines if "Caused by" in line or re.search(r"\w(Error|Exception)\b.*: ", line)]
    return ExportError(f"Spark gave up: {(causes or lines or ['no reason given'])[-1][:300]}")
