"""What wakes the drain: rung from any thread, until it is cleared, without blocking."""

from __future__ import annotations

import threading

from atlas_otel.process.waking import Bell


def test_it_rings_until_it_is_cleared() -> None:
    bell = Bell()
    assert not bell.ringing
    assert not bell.wait(-1.0)
    for _ in range(2):
        bell.ring()
    assert bell.ringing
    assert bell.wait(0)
    assert bell.wait(60), "waiting for it does not clear it"
    for _ in range(2):
        bell.clear()
    assert not bell.ringing
    assert not bell.wait(0.001)


def test_who_waits_is_woken() -> None:
    bell, heard = Bell(), []
    thread = threading.Thread(target=lambda: heard.append(bell.wait(60)))
    thread.start()
    bell.ring()
    thread.join(60)
    assert heard == [True]


def test_many_ring_and_no_ring_is_lost() -> None:
    bell, rung = Bell(), [0] * 4

    def ring(who: int) -> None:
        for _ in range(2_000):
            rung[who] += 1
            bell.ring()

    threads = [threading.Thread(target=ring, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    seen = 0
    while seen < 8_000:
        assert bell.wait(60)
        bell.clear()
        seen = sum(rung)
    for thread in threads:
        thread.join(60)
