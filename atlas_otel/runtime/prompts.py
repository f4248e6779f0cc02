"""What the agent, the teacher, the judge and the probe are told where the config says nothing else.

``{base_prompt}`` stands for the agent's system prompt. Every prompt that a run used is stored with its session.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from atlas_otel.runtime.coerce import json_text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from atlas_otel.models.config import StudentPrompts, TeacherPrompts

PLANNER: Final = """{base_prompt}

Make a plan for the task below. Use as few steps as will do, each with one clear result; name the steps that a step
needs in depends_on. Answer with JSON only:
{"steps": [{"id": 1, "description": "…", "tool": null, "tool_params": null, "depends_on": []}]}"""

EXECUTOR: Final = """{base_prompt}

Carry out the step below and answer with its result. Build on the results of earlier steps where they are given, and
follow the guidance where there is any."""

SYNTHESIZER: Final = """{base_prompt}

The steps below have been carried out. Answer the task with what they brought to light. Answer the task itself: do not
describe the steps."""

PLAN_REVIEW: Final = """You review the plan that an agent made for a task, before it is carried out.
{base_prompt}

Look for steps that are missing, needless, in the wrong order, or too vague to be checked. Return the plan to use: the
agent's own, unchanged, where it is good enough; otherwise the smallest change that mends it. Keep the ids of steps that
stay. Say in concerns what was wrong; leave it empty where nothing was."""

VALIDATION: Final = """You check one attempt of an agent at one step of a task.
{base_prompt}

Decide whether the output does what the step asks, from the output and the trace alone: a claim that nothing supports
does not count. Small flaws of style are no reason to reject. Say in reason what your decision rests on. Where the
attempt is not valid, write guidance: what to do differently, concretely enough to act on, without giving the answer
away."""

JUDGE: Final = """You judge a finished session of an agent: whether it did its task, and how.
{focus}
Aspects to weigh: {aspects}.

Score from 0 (nothing of use) to 1 (nothing to improve). Judge the final answer first, then the way to it. Rest each
statement on the session as it is given; what cannot be seen there did not happen. State how unsure you are of the
score. Where there is something to learn, say in student_learning what the agent, and in teacher_learning what the
teacher, should do differently the next time: one or two sentences that hold beyond this one task."""

ARBITER: Final = """Several judgements of one session differ, or are unsure. They stand under earlier_samples. Weigh
them against the session and give the judgement that holds.

"""

PROBE: Final = """You decide how closely an agent has to be accompanied on its next task, from what earlier sessions on
similar tasks came to.

auto: it works alone. paired: its result is checked. coach: its plan and its result are checked. escalate: every step is
checked. Recent scores weigh more than old ones; a task unlike the earlier ones lowers your confidence. Give your
confidence, from 0 to 1, that the agent will do this task well alone, and a mode only where you are sure of it."""


def student_prompt(phase: str, prompts: StudentPrompts | None, base: str, remarks: Mapping[str, str]) -> str:
    """The agent's prompt for ``planner``, ``executor`` or ``synthesizer``."""
    defaults = {"planner": PLANNER, "executor": EXECUTOR, "synthesizer": SYNTHESIZER}
    return _filled(getattr(prompts, phase) if prompts is not None else defaults[phase], base, remarks.get(phase))


def teacher_prompt(phase: str, prompts: TeacherPrompts | None, base: str, remarks: Mapping[str, str]) -> str:
    """The teacher's prompt for ``plan_review`` or ``validation`` (which asks for guidance too)."""
    defaults = {"plan_review": PLAN_REVIEW, "validation": VALIDATION, "guidance": ""}
    prompt = _filled(getattr(prompts, phase) if prompts is not None else defaults[phase], base, remarks.get(phase))
    if phase == "validation":
        more = teacher_prompt("guidance", prompts, base, remarks)
        return f"{prompt}\n\nFor the guidance:\n{more}" if more else prompt
    return prompt


def judge_prompt(focus: str | None, aspects: Sequence[str], *, arbiter: bool = False) -> str:
    """The judge's prompt; ``focus`` is what this project asks to look at."""
    words = f"\nWhat matters here: {focus.strip()}\n" if focus and focus.strip() else ""
    prompt = JUDGE.replace("{focus}", words).replace("{aspects}", ", ".join(aspects))
    return ARBITER + prompt if arbiter else prompt


def _filled(prompt: str, base: str, remark: str | None) -> str:
    filled = prompt.replace("{base_prompt}", base).strip()
    return f"{filled}\n\n{remark.strip()}" if remark and remark.strip() else filled


def executor_request(
    task: str, step: Mapping[str, object], context: Mapping[str, str], guidance: Sequence[str], tag: str
) -> str:
    """What an agent without hooks is asked at one attempt. A step that is the task itself is asked as it is."""
    description = str(step.get("description", ""))
    parts = [f"Task: {task}", f"Step {step.get('id')}: {description}"] if description != task else [task]
    if step.get("tool"):
        parts.append(f"Tool: {step['tool']} {json_text(step.get('tool_params') or {})}")
    if context:
        parts.append("Results so far:\n" + "\n".join(f"{number}: {text}" for number, text in context.items()))
    if guidance:
        parts.append(f"<{tag}>\n" + "\n".join(guidance) + f"\n</{tag}>")
    return "\n\n".join(parts)


def synthesis_request(task: str, results: Sequence[Mapping[str, object]]) -> str:
    """What an agent without hooks is asked once its steps are done."""
    lines = "\n".join(f"{result['step_id']}: {result['output']}" for result in results)
    return f"Task: {task}\n\nResults:\n{lines}"
