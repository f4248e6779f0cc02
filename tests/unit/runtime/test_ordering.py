"""Steps run after what they depend on, side by side only where that is asked for."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from atlas_otel.adapters import AdapterError, Plan, Step
from atlas_otel.runtime.ordering import dependencies, in_order, run_in_order


def plan(**steps):
    return Plan(steps=[Step(id=int(name[1:]), description=name, depends_on=on) for name, on in steps.items()])


def order(made):
    return [step.id for step in in_order(made, dependencies(made))]


def test_dependencies_come_first_else_the_plans_order():
    assert order(plan(s3=[1], s1=["2"], s2=[], s4=["step_3", "step 1"])) == [2, 1, 3, 4]
    assert order(plan(s2=[], s1=[])) == [2, 1]


@pytest.mark.parametrize(
    ("made", "says"),
    [
        (plan(s1=[2], s2=[1]), "steps 1, 2 depend on each other"),
        (plan(s1=[1]), "steps 1 depend on each other"),
        (plan(s1=[7]), "step 1 depends on 7, which is not a step"),
        (plan(s1=["the first one"]), "step 1 depends on 'the first one'"),
    ],
)
def test_what_cannot_be_ordered(made, says):
    with pytest.raises(AdapterError, match=says):
        dependencies(made)


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 8))
    ids = draw(st.permutations(range(1, count + 1)))
    rank = {number: place for place, number in enumerate(ids)}
    steps = []
    for number in range(1, count + 1):
        before = [other for other in ids if rank[other] < rank[number]]
        on = draw(st.lists(st.sampled_from(before), unique=True)) if before else []
        steps.append(Step(id=number, description="s", depends_on=on))
    return Plan(steps=steps)


@given(graphs(), st.integers(1, 4))
def test_no_step_runs_before_what_it_needs_nor_more_at_a_time_than_allowed(made, side_by_side):
    waits, done, running, most = dependencies(made), set(), set(), [0]

    async def run_step(step):
        assert waits[step.id] <= done
        running.add(step.id)
        most[0] = max(most[0], len(running))
        await asyncio.sleep(0)
        running.discard(step.id)
        done.add(step.id)

    asyncio.run(run_in_order(made, run_step, side_by_side=side_by_side))
    assert done == {step.id for step in made.steps}
    assert most[0] <= side_by_side


async def test_independent_steps_do_run_side_by_side():
    met = asyncio.Event()
    arrived = []

    async def run_step(step):
        arrived.append(step.id)
        if len(arrived) == 2:
            met.set()
        await asyncio.wait_for(met.wait(), 5)

    await run_in_order(plan(s1=[], s2=[]), run_step, side_by_side=2)


async def test_where_one_fails_the_others_are_cancelled_and_waited_for():
    cancelled = []

    async def run_step(step):
        if step.id == 1:
            raise ValueError("one")
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            cancelled.append(step.id)
            raise

    with pytest.raises(ValueError, match="one"):
        await run_in_order(plan(s2=[], s1=[]), run_step, side_by_side=2)
    assert cancelled == [2]
