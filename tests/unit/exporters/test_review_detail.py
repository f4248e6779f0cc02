"""What is unusual about a session: said only where enough others of its key tell what is usual."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from atlas_otel_exporters.review_detail import LEAST_PEERS, Peers, unusual

USUAL = Peers(10, 9, 10, 0.8, 0.05, 2.0, 1_000.0)


def test_what_stands_out_is_said_with_what_is_usual() -> None:
    assert list(unusual("failed", 0.1, 30.0, 9_000, {}, USUAL)) == [
        "failed, where 9 of 10 others succeeded",
        "reward 0.10, where 10 others have 0.80 ± 0.05",
        "took 30.0 s, where others take 2.0 s",
        "9,000 tokens, where others take 1,000",
    ]
    assert list(unusual("succeeded", 0.82, 2.5, 1_200, {}, USUAL)) == []


@given(
    st.sampled_from(["succeeded", "failed"]),
    st.none() | st.floats(0, 1),
    st.none() | st.floats(0, 1e6),
    st.integers(0, LEAST_PEERS - 1),
)
def test_few_others_tell_nothing(status: str, score: float | None, seconds: float | None, peers: int) -> None:
    few = USUAL._replace(sessions=peers, succeeded=peers, scored=peers)
    assert list(unusual(status, score, seconds, None, {}, few)) == []


def test_what_is_odd_by_itself_is_said_always() -> None:
    odd = {"governance_claims": ["drift"], "intermediate_step_anomalies": {"second_end": 2}}
    assert list(unusual("succeeded", None, None, None, odd, Peers())) == [
        "its caller tried to set drift",
        "steps that fit no open one: second_end (2)",
    ]
