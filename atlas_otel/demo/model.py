"""What the demo's analyst thinks with: rules, in this process, that need no key and no network.

It is no language model, and its spans say so (provider ``in-process``, model ``atlas-demo-rules``). It knows a few
questions, writes its SQL from the words of the question, and mends it from the guidance it is given, by rule.
Its tokens are the words that went in and came out.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Protocol

from atlas_otel.demo import prompts

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence


class Model(Protocol):
    """Anything that answers chat messages, whole or as a stream, in the shape of OpenAI's API."""

    name: str
    provider: str

    async def complete(self, messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """The whole answer: ``{"model", "choices": [{"message", "finish_reason"}], "usage"}``."""

    def stream(self, messages: Sequence[Mapping[str, str]]) -> AsyncIterator[dict[str, Any]]:
        """The answer piece by piece: ``{"choices": [{"delta": {"content"}}]}``, usage in the last."""


class _Topic(NamedTuple):
    """A kind of question that the rules know."""

    words: str
    """A pattern that such a question matches."""
    query: str
    control: str
    """Computes the first number again; ``{first}`` is the first row's label."""
    goal: str
    sentence: str


_SHARE: Final = """SELECT CASE WHEN suffix IN ('.py', '.pyi') THEN 'Python source'
            WHEN suffix IN ('.so', '.pyd', '.dll', '.dylib') THEN 'compiled code' ELSE 'other files' END AS kind,
       COALESCE(SUM(size), 0) AS total FROM files GROUP BY kind ORDER BY total DESC"""
_TOPICS: Final = (
    _Topic(
        r"compiled|source",
        _SHARE,
        "SELECT MAX(total) FROM (SELECT SUM(bytes * (suffix IN ('.py', '.pyi'))) AS total FROM files "
        "UNION ALL SELECT SUM(bytes * (suffix IN ('.so', '.pyd', '.dll', '.dylib'))) FROM files UNION ALL "
        "SELECT SUM(bytes * (suffix NOT IN ('.py', '.pyi', '.so', '.pyd', '.dll', '.dylib'))) FROM files)",
        "Sum the bytes of each kind of file",
        "By kind of file, this environment holds",
    ),
    _Topic(
        r"room|disk|large|size",
        "SELECT package, COALESCE(SUM(size), 0) AS total FROM files "
        "GROUP BY package ORDER BY total DESC, package LIMIT 5",
        "SELECT SUM(bytes) FROM files WHERE package = '{first}'",
        "Sum the bytes of each package's files",
        "The packages that take the most room are",
    ),
    _Topic(
        r"need|depend|require",
        "SELECT needs, COUNT(DISTINCT package) AS dependents FROM requirements WHERE marker IS NULL "
        "GROUP BY needs ORDER BY dependents DESC, needs LIMIT 5",
        "SELECT COUNT(*) FROM packages WHERE name IN "
        "(SELECT package FROM requirements WHERE needs = '{first}' AND marker IS NULL)",
        "Count who needs each package unconditionally",
        "The packages that most others need are",
    ),
)
_SYNONYMS: Final[dict[str, tuple[str, ...]]] = {"size": ("bytes", "octets", "length")}
_NO_COLUMN: Final = re.compile(r"no column (\w+).*?has the columns ([\w, ]+)")


class RuleModel:
    """The in-process model."""

    name = "atlas-demo-rules"
    provider = "in-process"

    async def complete(self, messages: Sequence[Mapping[str, str]]) -> dict[str, Any]:
        """The answer to one job."""
        text = self._reply(prompts.read(messages))
        message = {"role": "assistant", "content": text}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        return {"model": self.name, "choices": [choice], "usage": _usage(messages, text)}

    async def stream(self, messages: Sequence[Mapping[str, str]]) -> AsyncIterator[dict[str, Any]]:
        """The same answer, word by word."""
        text = self._reply(prompts.read(messages))
        for word in re.findall(r"\S+\s*", text):
            yield {"model": self.name, "choices": [{"delta": {"content": word}}]}
        yield {"model": self.name, "choices": [], "usage": _usage(messages, text)}

    def _reply(self, sections: Mapping[str, str]) -> str:
        question = sections["question"]
        topic = next((topic for topic in _TOPICS if re.search(topic.words, question.lower())), None)
        if topic is None:
            return f"The demo's rules know no such question: {question}"
        job = sections["job"].partition(".")[0]
        if job == "plan":
            return json.dumps(["Look at the schema", topic.goal, "Check the result another way", "Write the answer"])
        if job == "query":
            return _mended(topic.query, sections.get("guidance", ""))
        rows = json.loads(sections["rows"])
        if job == "control":
            return topic.control.replace("{first}", str(rows[0][0]).replace("'", "''"))
        in_bytes = "bytes" in sections["query"]
        facts = [f"{label} ({value / 1e6:.1f} MB)" if in_bytes else f"{label} ({value})" for label, value in rows]
        return f"{topic.sentence} {', '.join(facts)}."


def _mended(query: str, guidance: str) -> str:
    """``query`` with each column that the guidance says does not exist replaced by one that does and means the same."""
    for missing, columns in _NO_COLUMN.findall(guidance):
        there = [column.strip() for column in columns.split(",")]
        better = next((word for word in _SYNONYMS.get(missing, ()) if word in there), missing)
        query = re.sub(rf"\b{missing}\b", better, query)
    return query


def _usage(messages: Sequence[Mapping[str, str]], reply: str) -> dict[str, int]:
    read = sum(len(message["content"].split()) for message in messages)
    return {"prompt_tokens": read, "completion_tokens": len(reply.split())}
