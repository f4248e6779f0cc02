"""The page's numbers know what model calls cost: the session's sum, and each model's."""

from __future__ import annotations

from typing import Any

import psycopg
import pytest

import atlas_otel as atlas


def test_a_session_s_facts_hold_its_cost(database_url: str) -> None:
    atlas.configure(database_url=database_url)

    def calling(model: str) -> Any:
        @atlas.llm(model=model, provider="openai")
        def complete(messages: list[dict[str, str]]) -> dict[str, Any]:
            choice = {"message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
            return {"choices": [choice], "usage": {"prompt_tokens": 1000, "completion_tokens": 50}}

        return complete

    with atlas.session("t"):
        for model in ("gpt-4o-mini", "gpt-4o", "nobody-s-model"):
            calling(model)([{"role": "user", "content": "?"}])
    assert atlas.flush(60)
    atlas.shutdown()
    with psycopg.connect(database_url) as connection:
        row = connection.execute(
            "SELECT cost_usd, calls, (SELECT (metadata -> 'cost' ->> 'usd')::float8 FROM public.sessions)"
            " FROM atlas_otel.session_facts"
        ).fetchone()
    assert row is not None
    total, calls, said = row
    assert total == pytest.approx(said)
    by_model = {call[1]: call[6] for call in calls if call[0] == "model"}
    assert by_model["nobody-s-model"] is None
    assert by_model["gpt-4o-mini"] + by_model["gpt-4o"] == pytest.approx(total)
