"""A governed session, from handshake to review: who is asked what, in which order. Everything is recorded as spans."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

import atlas_otel as atlas
from atlas_otel.errors import AdapterError
from atlas_otel.runtime import coerce, drift, lanes, ordering, probe, review
from atlas_otel.runtime.advisor import unanswered
from atlas_otel.runtime.attempts import Steps
from atlas_otel.runtime.history import EarlierSession, earlier_sessions, summarize
from atlas_otel.runtime.judges import Judged, session_facts
from atlas_otel.runtime.spans import aside, governance_span, runtime_span
from atlas_otel.runtime.telemetry import EventEmitter
from atlas_otel.runtime.triage import TriageDossier, triage
from atlas_otel.tracing.reporting import set_runtime_metadata

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from atlas_otel.models.adapter import AdapterCapabilities, Plan
    from atlas_otel.models.json_types import JsonObject
    from atlas_otel.runtime.advisor import Advisor
    from atlas_otel.runtime.assembly import Assembly, Governors
    from atlas_otel.runtime.judges import Judge
    from atlas_otel.runtime.lanes import LaneDecision
    from atlas_otel.runtime.student import Student
    from atlas_otel.runtime.teacher import Teacher


class Ended(NamedTuple):
    """What a session came to."""

    plan: Plan
    steps: Steps
    final_answer: str
    decision: LaneDecision
    reward: JsonObject | None
    review_status: str


class GovernedSession:
    """One task. Its methods are called in order, inside the session's span."""

    def __init__(
        self,
        assembly: Assembly,
        governors: Governors,
        task: str,
        metadata: JsonObject,
        learning_key: str,
        *,
        database_url: str | None,
        flush: Callable[[float], Any] | None,
    ) -> None:
        self._assembly = assembly
        self._governors = governors
        self._config = assembly.config
        self._task = task
        self._metadata = metadata
        self._learning_key = learning_key
        self._database_url = database_url
        self._flush = flush
        self._emitter = EventEmitter()
        self.student: Student | None = None

    async def run(self) -> Ended:
        """Everything, from the handshake to the review, in the session's span. Raises what a hook raises, and
        AdapterError."""
        self._emitter.phase()
        with aside("load_agent"):
            student = self.student = self._assembly.student()
        try:
            capabilities = await self._open(student)
            teacher, judge, asked = self._governors
            earlier = await self._history()
            dossier = await self._triage()
            decision = await self._route(dossier, earlier, capabilities, asked)
            plan = await self._plan(student, teacher, decision, capabilities)
            steps = await self._execute(student, teacher, plan, decision, capabilities)
            final_answer = await self._answer(student, steps, decision, capabilities)
            evaluation = await self._judge(judge, steps, final_answer, decision)
            status = self._close_review(evaluation, earlier)
        except BaseException:
            closing = {"review_status": "pending", "adapter_events": self._emitter.counts()}
            set_runtime_metadata({**closing, "review": self._review_terms()})
            raise
        finally:
            await student.close_quietly()
            await self._governors.close_quietly()
        reward = evaluation.reward if evaluation is not None else None
        return Ended(plan, steps, final_answer, decision, reward, status)

    # --- the handshake -------------------------------------------------------------------------------------------

    async def _open(self, student: Student) -> AdapterCapabilities:
        wanted = True  # where the handshake fails, what came before is kept: it tells why
        try:
            with aside("handshake"):
                reported = await student.open(self._task, dict(self._metadata), self._emitter)
            effective = coerce.effective(reported, self._config.agent.behavior)
            wanted = effective.telemetry_stream
        finally:
            self._emitter.decide(wanted=wanted)
        set_runtime_metadata(
            {
                "adapter_capabilities": effective.model_dump(),
                "adapter_capabilities_reported": reported.model_dump(),
                "review": self._review_terms(),
            }
        )
        return effective

    # --- the lane ------------------------------------------------------------------------------------------------

    async def _history(self) -> Sequence[EarlierSession]:
        if self._database_url is None:
            return ()
        config = self._config
        limit = max(config.adaptive_teaching.learning_history_limit, config.runtime_safety.drift.window)
        try:
            with aside("learning_history"):
                return await earlier_sessions(self._database_url, self._learning_key, limit, self._flush)
        except Exception as error:  # the run goes on as a first one, and the record says why
            set_runtime_metadata({"learning_history_error": unanswered("history", error)})
            return ()

    async def _triage(self) -> TriageDossier:
        try:
            adapter, name = self._assembly.triage_adapter()
            broken = None
        except AdapterError as error:
            adapter, name, broken = None, self._config.adaptive_teaching.triage_adapter or "", error
        with runtime_span("triage", {"adapter": name}, kind="custom") as span:
            done = await triage(adapter, name, self._task, self._metadata)
            said: JsonObject = {
                "summary": done.dossier.summary,
                "risks": [risk.description for risk in done.dossier.risks],
                "tags": list(done.dossier.tags),
            }
            error_text = str(broken) if broken is not None else done.error
            if error_text is not None:
                said["error"] = error_text
                said["fallback"] = "default"
            span.output = said
        return done.dossier

    async def _route(
        self,
        dossier: TriageDossier,
        earlier: Sequence[EarlierSession],
        capabilities: AdapterCapabilities,
        advisor: Advisor | None,
    ) -> LaneDecision:
        adaptive = self._config.adaptive_teaching
        override = adaptive.mode_override or self._config.orchestration.forced_mode
        history = summarize(earlier, limit=adaptive.learning_history_limit)
        count = history["count"]
        assert isinstance(count, int)
        answer = None
        if advisor is not None and lanes.needs_probe(adaptive, override=override, history_count=count):
            question = probe.question(self._task, dossier, history, adaptive.probe)
            with governance_span("capability_probe", "probe", dict(question.facts), kind="custom") as span:
                probed = await probe.probe(advisor, question, adaptive.probe.timeout_seconds)
                answer = probed.answer
                span.output = probed.to_json()
        decision = lanes.constrain(
            lanes.decide(
                adaptive, override=override, history_count=count, probe=answer, probe_available=advisor is not None
            ),
            capabilities,
        )
        with runtime_span("adaptive_route", {"mode": decision.mode}, kind="custom") as span:
            span.output = decision.to_json()
        set_runtime_metadata(
            {
                "execution_mode": decision.mode,
                "adaptive_summary": decision.summary(),
                "learning_history": history,
                "triage_dossier": dossier.model_dump(),
            }
        )
        return decision

    # --- the work ------------------------------------------------------------------------------------------------

    async def _plan(
        self, student: Student, teacher: Teacher | None, decision: LaneDecision, capabilities: AdapterCapabilities
    ) -> Plan:
        rules = lanes.rules_of(decision)
        own_loop = capabilities.control_loop == "self"
        plan = coerce.direct_plan(self._task)
        if (own_loop and student.has("aplan")) or (rules.plans and (student.has("aplan") or student.answers)):
            with runtime_span("plan_creation", {"task": self._task}) as span:
                self._emitter.phase()
                told: JsonObject = {
                    "phase": "plan",
                    "capabilities": capabilities.model_dump(),
                    "execution_mode": decision.mode,
                }
                plan, note = await self._made_plan(student, told, own_loop=own_loop)
                ordering.dependencies(plan)
                made: JsonObject = plan.model_dump()
                if note is not None:
                    made["error"] = note
                span.output = made
                if rules.plans and teacher is not None:
                    plan = await self._reviewed(teacher, plan)
        if rules.folds:
            plan = coerce.folded(plan, self._task)
        elif rules.plans:
            plan = plan.model_copy(update={"execution_mode": "stepwise"})
        atlas.set_plan(plan.model_dump())
        return plan

    async def _made_plan(self, student: Student, told: JsonObject, *, own_loop: bool) -> tuple[Plan, str | None]:
        try:
            return await student.plan(self._task, told, self_managed=own_loop), None
        except AdapterError as error:
            if student.has("aplan"):
                raise
            # An agent that only answers was asked for JSON and gave something else: the task is the one step.
            return coerce.direct_plan(self._task), str(error)

    async def _reviewed(self, teacher: Teacher, plan: Plan) -> Plan:
        with governance_span("plan_review", "teacher", plan.model_dump()) as span:
            reviewed = await teacher.review(self._task, plan)
            said: JsonObject = {"plan": reviewed.plan.model_dump(), "concerns": reviewed.concerns}
            if reviewed.cached:
                said["cached"] = True
            if reviewed.error is not None:
                said["error"] = reviewed.error
            span.output = said
        set_runtime_metadata({"original_plan": plan.model_dump(), "plan_concerns": reviewed.concerns})
        return reviewed.plan

    async def _execute(
        self,
        student: Student,
        teacher: Teacher | None,
        plan: Plan,
        decision: LaneDecision,
        capabilities: AdapterCapabilities,
    ) -> Steps:
        orchestration = self._config.orchestration
        steps = Steps(
            self._task,
            plan,
            lanes.lane_of(decision),
            lanes.rules_of(decision),
            student,
            teacher,
            self._emitter,
            capabilities.model_dump(),
            orchestration.max_retries,
        )
        side_by_side = orchestration.max_parallel_steps if decision.mode == "escalate" else 1
        await ordering.run_in_order(plan, steps.run, side_by_side=side_by_side)
        return steps

    async def _answer(
        self, student: Student, steps: Steps, decision: LaneDecision, capabilities: AdapterCapabilities
    ) -> str:
        prompted = decision.mode == "escalate" and student.answers and not student.has("aexecute")
        if not (student.has("asynthesize") or prompted):
            return coerce.unsynthesized(steps.results[ordering.last_step(steps.plan).id])
        results = steps.for_synthesis()
        with runtime_span("final_synthesis", {"task": self._task, "step_results": results}) as span:
            self._emitter.phase()
            told: JsonObject = {
                "phase": "synthesize",
                "capabilities": capabilities.model_dump(),
                "execution_mode": decision.mode,
                "step_results": list(results),
            }
            answer = await student.synthesize(self._task, steps.plan, results, told)
            span.output = answer
        return answer

    # --- afterwards ----------------------------------------------------------------------------------------------

    async def _judge(
        self, judge: Judge | None, steps: Steps, final_answer: str, decision: LaneDecision
    ) -> Judged | None:
        if judge is None:
            return None
        reward = self._config.adaptive_teaching.reward
        facts = session_facts(
            task=self._task,
            plan=steps.plan.model_dump(),
            steps=steps.for_synthesis(),
            final_answer=final_answer,
            execution_mode=str(decision.mode),
            metadata=self._metadata,
            focus_prompt=reward.focus_prompt,
        )
        with governance_span("reward_evaluation", "reward", facts) as span:
            evaluation = await judge.evaluate(facts)
            judged = Judged(evaluation)
            span.output = {"reward": judged.reward, "audit": list(evaluation.audit)}
        judgement = evaluation.judgement
        atlas.record_reward(
            judgement.score, rationale=judgement.rationale, judges=judgement.judges, raw=judgement.raw, primary=True
        )
        return judged

    def _review_terms(self) -> JsonObject:
        config = self._config.runtime_safety.review
        return review.review_block(config, required=review.approval_required(config, os.environ))

    def _close_review(self, judged: Judged | None, earlier: Sequence[EarlierSession]) -> str:
        config = self._config.runtime_safety
        closing: JsonObject = {"adapter_events": self._emitter.counts()}
        alert = None
        if judged is not None:
            judgement = judged.evaluation.judgement
            closing["student_learning"] = judgement.student_learning
            closing["teacher_learning"] = judgement.teacher_learning
            closing["reward_audit"] = list(judged.evaluation.audit)
            if config.drift.enabled and not judgement.failed:
                assessed = drift.assess(
                    config.drift,
                    score=judgement.score,
                    uncertainty=judged.uncertainty,
                    scores=[one.score for one in earlier if one.score is not None],
                    uncertainties=[one.uncertainty for one in earlier if one.uncertainty is not None],
                    learning_key=self._learning_key,
                )
                closing["drift"] = assessed
                closing["drift_alert"] = assessed["alert"]
                alert = str(assessed["reason"]) if assessed["alert"] else None
        required = review.approval_required(config.review, os.environ)
        status, notes = review.first_review(required=required, failed=False, drift=alert)
        closing["review_status"] = status
        if notes is not None:
            closing["review_notes"] = notes
        set_runtime_metadata({key: value for key, value in closing.items() if value is not None})
        return status
