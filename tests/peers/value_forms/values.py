"""Values of libraries, and what is captured of each: one JSON object on stdout, by the name of the value."""

from __future__ import annotations

import datetime as dt
import sys
from typing import Any

import attrs
import msgspec
import orjson
import pandas as pd
import polars as pl
import proto
import pyarrow as pa
from sqlalchemy import ForeignKey, create_engine, event, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column, relationship

from atlas_otel.capture.capture import Capture, Limits


@attrs.define
class Defined:
    a: int
    inner: Any = None
    hidden: str = attrs.field(default="s3cret", repr=False)
    _private: str = "s3cret"


class Struct(msgspec.Struct):
    a: int
    inner: list[Defined]


class Plus(proto.Message):
    name = proto.Field(proto.STRING, number=1)
    tags = proto.RepeatedField(proto.STRING, number=2)


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    notes: Mapped[list[Note]] = relationship(back_populates="user")


class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id"))
    user: Mapped[User] = relationship(back_populates="notes")


engine = create_engine("sqlite://")
Base.metadata.create_all(engine)
session = Session(engine)
session.add(User(id=7, name="Ada", notes=[Note(id=1)]))
session.commit()
queries: list[str] = []
committed = session.get_one(User, 7)
session.commit()
loaded = Session(engine).get_one(User, 7)
connection = engine.connect()
rows = connection.execute(text("select id, name, id from users"))
row = rows.fetchone()
result = connection.execute(text("select id from users"))
event.listen(engine, "before_cursor_execute", lambda *a: queries.append(a[2]))

frame = pd.DataFrame({"a": [71, 72], "b": ["x", None], "t": pd.to_datetime(["2024-01-02", None])})
table = {"a": [71, None], "b": ["x", "y"]}
values: dict[str, Any] = {
    "frame": frame,
    "frame with an index": frame[["a"]].set_axis(["r", "s"]),
    "frame with equal columns": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "frame with columns of two levels": pd.DataFrame([[1]], columns=pd.MultiIndex.from_tuples([("a", "b")])),
    "frame with an index of two levels": pd.DataFrame({"v": [1]}, index=pd.MultiIndex.from_tuples([("a", 1)])),
    "empty frame": pd.DataFrame({"a": []}),
    "frame in a list": [pd.DataFrame({"a": [1]})],
    "series": pd.Series([1.5, None]),
    "series with an index": pd.Series([1, 2], index=["x", "y"]),
    "index": pd.Index(["a", "b"]),
    "extension array": pd.array([1, None], dtype="Int64"),
    "categorical": pd.Categorical(["a", "b"]),
    "missing": [pd.NA, pd.NaT],
    "timestamp": pd.Timestamp("2024-01-02T03:04:05"),
    "timedelta": pd.Timedelta(seconds=3),
    "period": pd.Period("2024-01"),
    "polars frame": pl.DataFrame(table),
    "polars series": pl.Series([dt.date(2024, 1, 2)]),
    "polars lazy frame": pl.DataFrame(table).lazy(),
    "arrow table": pa.table(table),
    "arrow batch": pa.RecordBatch.from_pydict(table),
    "arrow array": pa.array([{"a": 1}]),
    "arrow chunks": pa.table(table)["a"],
    "arrow scalar": pa.scalar(5),
    "attrs": Defined(1, Defined(2)),
    "msgspec": Struct(1, [Defined(3)]),
    "proto-plus": Plus(name="n", tags=["a"]),
    "row": row,
    "row mapping": row._mapping if row is not None else None,
    "rows not yet fetched": result,
    "mapped object": loaded,
    "mapped object after a commit": committed,
}
capture = Capture()
kept = {name: orjson.loads(capture.value(value, "test").json) for name, value in values.items()}  # type: ignore[union-attr]
kept["fetched later"] = [list(one) for one in result]
kept["queries"] = queries
few = Capture(Limits(max_value_bytes=2000))
for name, large in (
    ("large frame", pd.DataFrame({"a": range(1_000_000)})),
    ("large polars frame", pl.DataFrame({"a": range(1_000_000)})),
    ("large arrow table", pa.table({"a": range(1_000_000)})),
):
    cut = few.value(large, "test")
    assert cut is not None
    tree = orjson.loads(cut.json)["rows"]
    kept[name] = [len(cut.json), tree[:2], len(tree) - 1 + tree[-1]["atlas.truncated"]["items"]]
sys.stdout.buffer.write(orjson.dumps(kept))
