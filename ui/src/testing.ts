import type { Attempt, CallMessage, ModelCall, Session, SkeletonSpan, Step } from "./api/types";

/** Small values of the API's shapes, for tests: whole, so that a change of a shape is an error here. */
export function span(id: string, more: Partial<SkeletonSpan> = {}): SkeletonSpan {
  return {
    id, parent: null, kind: "llm", name: id, status: "succeeded", start_ms: 0, duration_ms: 1, step: null, attempt: null, actor: null,
    model: null, input_tokens: null, output_tokens: null, cost_usd: null, preview: "", error: null, size: 0, span_id: id, trace_id: null, ...more,
  };
}

const NO_REWARD = { score: null, missing: true, rationale: null, judges: [] };

export function attempt(number: number, more: Partial<Attempt> = {}): Attempt {
  return {
    attempt: number, span: null, status: "succeeded", output: "", output_chars: 0, valid: null, reason: null, validation: null,
    guidance: [], reward: NO_REWARD, error: null, ...more,
  };
}

export function step(id: number, attempts: Attempt[], more: Partial<Step> = {}): Step {
  return { step_id: id, description: `step ${id}`, tool: null, tool_params: null, depends_on: [], attempts, guidance: [], metadata: {}, ...more };
}

export function session(steps: Step[], more: Partial<Session> = {}): Session {
  return {
    item: {
      id: 1, key: "k", revision: "c1-r0", task: "t", answer: "", status: "succeeded", review_status: "pending", created_at: "2026-11-01T00:00:00Z",
      completed_at: null, seconds: 1, agent: null, models: [], tools: [], tags: [], learning_key: null, task_group: null, reward: null,
      reward_spread: null, steps: steps.length, attempts: 1, rejected: 0, failures: 0, input_tokens: null, output_tokens: null, cost_usd: null,
      attention: 0, reasons: [], verdicts: 0, verdicts_needed: 1, tie: false, changed_after_review: false, assigned_to: null, reservation: null, content: true,
    },
    revision: "c1-r0", task: "t", final_answer: "", error: null, plan_mode: null, steps, reward: NO_REWARD, metadata: {}, student_learning: null,
    teacher_learning: null, trace_ids: [], links: { jaeger: null },
    review: {
      session: 1, revision: "c1-r0", status: "pending", notes: null, verdicts: [], verdicts_needed: 1, tie: false, changed_after_review: false,
      changes: [], scores: [], step_notes: [], tags: [], corrections: [], excluded: [], assigned_to: null, reservation: null, events: [],
    },
    projection_error: null, ...more,
  };
}

export function message(role: string, parts: CallMessage["parts"]): CallMessage {
  return { role, name: null, parts, unread: null, cut_bytes: 0 };
}

export function call(messages: CallMessage[], answer: CallMessage["parts"]): ModelCall {
  return {
    provider: null, request_model: "m", response_model: null, response_id: null, actor: null, agent: null, messages,
    choices: [{ index: 0, message: message("assistant", answer), finish_reason: "stop" }], tools: [], parameters: {}, usage: null, cut_messages: 0,
    cut_bytes: 0, unread: [], whole: true, reward: null, reward_source: null, excluded: false, correction: null,
  };
}
