"""A worker goes on telling the others its numbers after it once could not."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from atlas_otel.collect import app
from atlas_otel.collect.app import Collector
from atlas_otel.collect.shared_numbers import SharedNumbers

if TYPE_CHECKING:
    from pathlib import Path

    import pytest


def test_a_folder_that_could_not_be_written_is_written_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(app, "_SHARE_S", 0.01)
    monkeypatch.setattr(Collector, "_numbers", lambda self: "spans 3\n")
    nothing: Any = None
    folder = tmp_path / "numbers"
    collector = Collector(
        nothing,
        nothing,
        nothing,
        senders=nothing,
        ownership=None,
        max_body_bytes=1,
        max_held_bytes=1,
        max_decoded_bytes=1,
        shared=SharedNumbers(folder),
    )

    async def watch() -> None:
        keeping = asyncio.create_task(collector.keep_shared())
        await asyncio.sleep(0.1)
        assert not keeping.done()
        folder.mkdir()
        while not any(folder.iterdir()):
            await asyncio.sleep(0.01)
        keeping.cancel()

    asyncio.run(asyncio.wait_for(watch(), 20))
    assert [path.read_text() for path in folder.iterdir() if path.suffix == ""] == ["spans 3\n"]
    assert caplog.text.count("this worker's numbers cannot be shared: No such file or directory") == 1
