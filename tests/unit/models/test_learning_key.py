"""Contract §2, ``learning_key``: other programs arrive at the same key."""

from __future__ import annotations

from atlas_otel.models.learning_key import learning_key

VECTOR = "518957f596319f3bcad9021b589d1edb5807551a9d639d06a6ca64bb6818ae21"
AGENT, TASK, TAGS = "adapters-sqlite-agent", "  Résumé the logs  ", ["b ", " a", ""]


def test_the_contract_s_vector() -> None:
    assert learning_key(agent=AGENT, task=TASK, tags=TAGS, metadata={"tenant": "acme"}) == VECTOR


def test_tenants() -> None:
    def of(metadata: dict[str, str]) -> str:
        return learning_key(agent=AGENT, task=TASK, tags=TAGS, metadata=metadata)  # type: ignore[arg-type]

    assert of({"tenant_id": "acme", "tenant": "other"}) == VECTOR
    assert of({}) == of({"tenant": "default"}) != VECTOR


def test_only_the_task_s_beginning_counts() -> None:
    long = "x" * 64
    assert learning_key(agent="a", task=long + "1", tags=(), metadata={}) == learning_key(
        agent="a", task=long + "2", tags=(), metadata={}
    )


def test_the_caller_s_own_key_is_taken() -> None:
    given = {"learning_key": "mine", "learning_key_override": "other"}
    assert learning_key(agent="a", task="t", tags=(), metadata=given) == "mine"  # type: ignore[arg-type]
    assert learning_key(agent="a", task="t", tags=(), metadata={"learning_key_override": "other"}) == "other"
