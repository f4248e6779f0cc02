from __future__ import annotations

import gc

from atlas_otel.process.garbage import collected_seldom


def test_the_collector_is_as_it_was_afterwards() -> None:
    before = gc.get_threshold()
    with collected_seldom():
        assert gc.get_threshold()[0] > before[0]
        assert gc.get_freeze_count() > 0
    assert gc.get_threshold() == before
    assert gc.get_freeze_count() == 0


def test_cycles_are_still_found() -> None:
    class Link:
        def __init__(self) -> None:
            self.to = self

    with collected_seldom():
        made = 3 * gc.get_threshold()[0]
        for _ in range(made):
            Link()
        left = sum(isinstance(one, Link) for one in gc.get_objects())
    assert left < made / 2
