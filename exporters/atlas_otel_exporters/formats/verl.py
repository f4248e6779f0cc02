"""``--format verl``: what verl's reader takes: prompts with what is needed to judge an answer to them."""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final

from atlas_otel.records.exact_json import dump
from atlas_otel_exporters.training.chat_form import chat_messages, chat_tools
from atlas_otel_exporters.training.conversation import conversations
from atlas_otel_exporters.training.row_format import RowFormat
from atlas_otel_exporters.training.rows import origin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from atlas_otel.models.json_types import JsonObject
    from atlas_otel_exporters.training.options import RowOptions
    from atlas_otel_exporters.training.recorded import Recorded

_DATA_SOURCE: Final = "atlas-otel"


class VerlFormat(RowFormat):
    """One row a request that a conversation began with, once for each right answer that it was given with."""

    def __init__(self, options: RowOptions | None = None) -> None:
        super().__init__(options)
        self._seen: set[bytes] = set()
        self._rows = 0

    def rows(self, recorded: Recorded, revision: int | None) -> Iterator[JsonObject]:
        """The session's requests that no session before it had."""
        for conversation in conversations(recorded.turns):
            first = conversation.turns[0]
            prompt = chat_messages(conversation.prompt, self.options.arguments)
            digest = blake2b(dump([prompt, first.ground_truth]), digest_size=16).digest()
            if digest in self._seen:
                self.left_out["a request that is there already"] += len(conversation.turns)
                continue
            self._seen.add(digest)
            yield {
                "data_source": first.agent or _DATA_SOURCE,
                "prompt": prompt,
                "ability": first.agent or _DATA_SOURCE,
                "reward_model": {"style": "rule", "ground_truth": first.ground_truth},
                "extra_info": {
                    "index": self._rows,
                    "tools": chat_tools(first.call.tools) or None,
                    **origin([first], revision),
                },
            }
            self._rows += 1
