"""A teacher and a judge as plain functions: they get by keyword what a model would be asked, and need no key."""

from __future__ import annotations

from typing import Any


def review_projects(
    phase: str, output: str = "", plan: dict[str, Any] | None = None, **_: Any
) -> dict[str, Any] | None:
    """The teacher: archived projects are not active ones. A plan is taken as it is."""
    if phase == "plan_review":
        return None
    if "archived" in output or "Vega" in output:
        return {
            "valid": False,
            "reason": "the answer names an archived project",
            "guidance": "Leave out projects whose status is archived.",
        }
    return {"valid": True, "reason": "only active projects are named"}


def accept_all(phase: str, **_: Any) -> dict[str, Any] | None:
    """A teacher that asks only that there is something to see."""
    return None if phase == "plan_review" else {"valid": True, "reason": "it answers"}


def judge_session(final_answer: str, steps: list[dict[str, Any]], **_: Any) -> dict[str, Any]:
    """The judge: an answer is worth something, and more if it took no second attempt."""
    attempts = sum(step["attempts"] for step in steps)
    retried = attempts > len(steps)
    score = 0.0 if not final_answer.strip() else 0.7 if retried else 1.0
    return {
        "score": score,
        "uncertainty": 0.1,
        "rationale": f"{attempts} attempts at {len(steps)} steps",
        "student_learning": "Filter by status before answering about active projects." if retried else None,
    }
