"""The demo's parts: its data, its rules, and an analyst whose model is wrong."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from email.message import Message
from importlib import metadata
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.demo import prompts
from atlas_otel.demo.analyst import QUESTIONS, Analyst, advice, joined, said, text_of, unfenced
from atlas_otel.demo.environment import MAX_ROWS, Catalogue, canonical, suffix_of
from atlas_otel.demo.model import RuleModel
from atlas_otel.testing import recording

if TYPE_CHECKING:
    from collections.abc import Sequence


class Package:
    """As much of a distribution as the catalogue reads."""

    def __init__(
        self, name: str | None, files: Sequence[tuple[str, int | None]] | None = (), requires: list[str] | None = None
    ) -> None:
        self.metadata = Message()
        if name is not None:
            self.metadata["Name"] = name
        self.metadata["Version"] = "1.0"
        self.requires = requires
        self.files = None if files is None else [self._file(*file) for file in files]

    @staticmethod
    def _file(path: str, size: int | None) -> metadata.PackagePath:
        file = metadata.PackagePath(path)
        file.size = size
        return file


PACKAGES = (
    Package(
        "Big_Thing",
        [("big/a.py", 100), ("big/b.so.5", 900), ("big/c.pyc", None)],
        ["small.thing>=1", "Other; extra == 'x'"],
    ),
    Package("small-thing", [("small/a.PY", 7)], ["other (>=2)"]),
    Package("small.thing", [("shadowed.py", 10**9)]),
    Package(None),
    Package("other", None, ["???"]),
)


@pytest.fixture
def catalogue() -> Any:
    loaded = Catalogue(PACKAGES)  # type: ignore[arg-type]
    yield loaded
    loaded.close()


def test_the_catalogue_holds_what_is_there_and_nothing_else(catalogue: Catalogue) -> None:
    assert catalogue.query("SELECT name FROM packages ORDER BY name") == [["big-thing"], ["other"], ["small-thing"]]
    assert catalogue.query("SELECT package, path, suffix, bytes FROM files ORDER BY path") == [
        ["big-thing", "big/a.py", ".py", 100],
        ["big-thing", "big/b.so.5", ".so", 900],
        ["big-thing", "big/c.pyc", ".pyc", None],
        ["small-thing", "small/a.PY", ".py", 7],
    ]
    assert catalogue.query("SELECT package, needs, marker FROM requirements ORDER BY 1, 2") == [
        ["big-thing", "other", "extra == 'x'"],
        ["big-thing", "small-thing", None],
        ["small-thing", "other", None],
    ]


def test_what_an_interrupted_installation_left_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "half.dist-info").mkdir()
    whole = tmp_path / "whole-2.0.dist-info"
    whole.mkdir()
    (whole / "METADATA").write_text("Metadata-Version: 2.1\nName: whole\nVersion: 2.0\n", encoding="utf-8")
    loaded = Catalogue(metadata.distributions(path=[str(tmp_path)]))
    assert loaded.query("SELECT name, version, summary FROM packages") == [["whole", "2.0", None]]
    loaded.close()


@pytest.mark.parametrize("statement", ["DELETE FROM files", "DROP TABLE files", "CREATE TABLE x (y)"])
def test_a_model_cannot_change_the_catalogue(catalogue: Catalogue, statement: str) -> None:
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        catalogue.query(statement)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
    assert len(catalogue.query(endless)) == MAX_ROWS


def test_names_and_suffixes() -> None:
    assert canonical("Typing__Extensions.x") == "typing-extensions-x"
    assert [suffix_of(PurePosixPath(name)) for name in ("a/libx.so.5", "a.SO", "LICENSE")] == [".so", ".so", ""]


LINE = st.text(st.characters(exclude_categories=("Cs", "Cc", "Zl", "Zp")), min_size=1).map(str.strip).filter(bool)


@given(LINE, LINE)
def test_a_prompt_reads_back_as_it_was_asked(question: str, guidance: str) -> None:
    messages = prompts.ask("query", question, schema="files(package, bytes)", guidance=guidance)
    sections = prompts.read(messages)
    assert sections["question"] == question
    assert sections["guidance"] == guidance
    assert sections["job"].startswith("query.")


def reply(job: Any, question: str, **sections: str) -> str:
    return said(asyncio.run(RuleModel().complete(prompts.ask(job, question, **sections))))


def test_guidance_mends_the_column_it_names_and_no_other() -> None:
    first = reply("query", QUESTIONS[0])
    assert "SUM(size)" in first
    lesson = advice("no such column: size", first, {"files": ["package", "path", "suffix", "bytes"]})
    assert lesson == "There is no column size: files has the columns package, path, suffix, bytes."
    assert reply("query", QUESTIONS[0], guidance=lesson) == first.replace("size", "bytes")
    assert reply("query", QUESTIONS[0], guidance=lesson.replace("size", "colour")) == first
    assert "SUM(size)" in reply("query", QUESTIONS[0], guidance=lesson.replace("bytes", "weight"))


def test_advice_on_any_other_error_names_the_tables() -> None:
    assert advice("near FRM: syntax error", "SELECT 1 FRM x", {"files": ["bytes"]}) == (
        "The query failed: near FRM: syntax error. The tables are files(bytes)."
    )


def test_the_rules_say_when_they_know_nothing() -> None:
    assert "no such question" in reply("plan", "Why?")


def test_a_streamed_answer_is_the_same_as_the_whole_one() -> None:
    asked = prompts.ask("answer", QUESTIONS[0], query="SELECT bytes", rows='[["a", 2000000], ["b", 1000000]]')

    async def both() -> tuple[dict[str, Any], list[dict[str, Any]]]:
        return await RuleModel().complete(asked), [chunk async for chunk in RuleModel().stream(asked)]

    whole, chunks = asyncio.run(both())
    assert len(chunks) > 5
    assert "".join(map(text_of, chunks)) == said(whole) == said(joined(chunks))
    assert joined(chunks)["usage"] == whole["usage"]
    assert said(whole) == "The packages that take the most room are a (2.0 MB), b (1.0 MB)."


def test_fences_are_taken_off() -> None:
    assert unfenced("```sql\nSELECT 1\n```") == "SELECT 1"
    assert unfenced(" SELECT 1 ") == "SELECT 1"


class Stubborn(RuleModel):
    """Ignores all guidance."""

    async def complete(self, messages: Any) -> dict[str, Any]:
        answer = await super().complete(messages)
        if prompts.read(messages)["job"].startswith("query"):
            answer["choices"][0]["message"]["content"] = "SELECT colour FROM files"
        return answer


class Mistaken(RuleModel):
    """Writes a query that runs, and is wrong."""

    async def complete(self, messages: Any) -> dict[str, Any]:
        answer = await super().complete(messages)
        if prompts.read(messages)["job"].startswith("query"):
            wrong = "SELECT package, COUNT(*) FROM files GROUP BY package ORDER BY 2 DESC"
            answer["choices"][0]["message"]["content"] = wrong
        return answer


def test_two_failed_attempts_are_the_end_and_are_recorded(catalogue: Catalogue) -> None:
    with recording() as recorded:
        with pytest.raises(RuntimeError, match="no query worked"):
            asyncio.run(Analyst(catalogue, Stubborn()).answer(QUESTIONS[0]))
        rows = recorded.rows()
    assert rows.session.status == "failed"
    assert [(attempt.step_id, attempt.attempt) for attempt in rows.attempts] == [(1, 1), (2, 1), (2, 2)]
    assert len(rows.guidance) == 2


def test_a_wrong_answer_is_found_out_by_the_control_query(catalogue: Catalogue) -> None:
    with recording() as recorded:
        asyncio.run(Analyst(catalogue, Mistaken()).answer(QUESTIONS[0]))
        rows = recorded.rows()
    check = next(step for step in rows.steps if step.step_id == 3)
    assert check.evaluation is not None
    assert check.evaluation["validation"] == {
        "valid": False,
        "reason": "the query says 3, the control query 1000",
    }
    assert rows.session.reward is not None
    assert rows.session.reward["score"] == 0.0


def test_what_was_learned_in_one_session_is_known_in_the_next(catalogue: Catalogue) -> None:
    with recording() as recorded:
        analyst = Analyst(catalogue, RuleModel())
        for question in (QUESTIONS[0], QUESTIONS[2]):
            asyncio.run(analyst.answer(question))
        first, second = (recorded.rows(key) for key in recorded.sessions())
    assert [step.attempts for step in first.steps] == [1, 2, 1, 1]
    assert [step.attempts for step in second.steps] == [1, 1, 1, 1]
    assert first.session.student_learning == first.guidance[0].note
    assert json.loads(first.steps[1].output)["rows"] == [["big-thing", 1000], ["small-thing", 7]]
    assert second.session.final_answer == (
        "By kind of file, this environment holds compiled code (0.0 MB), Python source (0.0 MB), other files (0.0 MB)."
    )
