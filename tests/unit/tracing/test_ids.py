"""Ids that an agent's own seeding cannot repeat, and that a fork does not share."""

from __future__ import annotations

import multiprocessing
import random
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from opentelemetry.sdk.trace import TracerProvider

from atlas_otel.tracing.ids import AtlasIdGenerator


def test_seeding_the_global_generator_repeats_nothing():
    ids = AtlasIdGenerator()
    seen = []
    for _ in range(3):
        random.seed(0)
        seen += [ids.generate_trace_id(), ids.generate_span_id()]
    assert len(set(seen)) == 6


def test_the_global_generator_is_left_alone():
    random.seed(7)
    expected = random.random()
    random.seed(7)
    AtlasIdGenerator().generate_trace_id()
    assert random.random() == expected


def test_ids_are_in_range_and_differ_across_threads():
    ids = AtlasIdGenerator()
    with ThreadPoolExecutor(8) as pool:
        spans = list(pool.map(lambda _: ids.generate_span_id(), range(10_000)))
    traces = [ids.generate_trace_id() for _ in range(1000)]
    assert len(set(spans)) == len(spans)
    assert len(set(traces)) == len(traces)
    assert all(0 < i < 2**64 for i in spans)
    assert all(0 < i < 2**128 for i in traces)
    assert max(traces) >= 2**100
    assert ids.is_trace_id_random()


def _ids_of_child(pipe) -> None:
    pipe.send([AtlasIdGenerator().generate_span_id() for _ in range(100)])


@pytest.mark.skipif(sys.platform == "win32", reason="fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # fork with threads, 3.12+
def test_a_forked_child_draws_other_ids_than_its_parent_and_its_siblings():
    context = multiprocessing.get_context("fork")
    answers = []
    for _ in range(2):
        here, there = context.Pipe()
        child = context.Process(target=_ids_of_child, args=(there,))
        child.start()
        answers.append(here.recv())
        child.join()
    parent = [AtlasIdGenerator().generate_span_id() for _ in range(100)]
    assert len({*parent, *answers[0], *answers[1]}) == 300


def test_a_provider_takes_it():
    provider = TracerProvider(id_generator=AtlasIdGenerator(), shutdown_on_exit=False)
    with provider.get_tracer("t").start_as_current_span("a") as span:
        assert span.get_span_context().is_valid
