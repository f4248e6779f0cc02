import type { CallMessage, ModelCall, ToolResultPart } from "../api/types";

/** A model call as it is read: what came before is folded, each tool call has its result. */
export interface Chat {
  readonly system: readonly CallMessage[];
  /** Messages that an earlier call has shown: all before the last answer of the model, and what led to it. */
  readonly earlier: readonly CallMessage[];
  readonly fresh: readonly CallMessage[];
  /** Results of tools by the id of their call. */
  readonly results: ReadonlyMap<string, ToolResultPart>;
  /** Ids of results that stand beside their call and need no message of their own. */
  readonly paired: ReadonlySet<string>;
}

const FOLD_FROM = 3;

export function chatOf(call: ModelCall): Chat {
  const begins = call.messages.findIndex((message) => message.role !== "system" && message.role !== "developer");
  const system = begins < 0 ? call.messages : call.messages.slice(0, begins);
  const rest = begins < 0 ? [] : call.messages.slice(begins);
  const lastAnswer = rest.map((message) => message.role).lastIndexOf("assistant");
  const from = lastAnswer >= FOLD_FROM ? lastAnswer : 0;
  const earlier = rest.slice(0, from);
  const fresh = rest.slice(from);
  const results = new Map<string, ToolResultPart>();
  const called = new Set<string>();
  for (const message of fresh) {
    for (const part of message.parts) {
      if (part.kind === "tool_result" && part.id) results.set(part.id, part);
      if (part.kind === "tool_call" && part.id) called.add(part.id);
    }
  }
  const paired = new Set([...results.keys()].filter((id) => called.has(id)));
  return { system, earlier, fresh, results, paired };
}

/** Whether all that a message holds is shown beside the calls that it answers. */
export function isPaired(message: CallMessage, paired: ReadonlySet<string>): boolean {
  return message.parts.length > 0 && message.parts.every((part) => part.kind === "tool_result" && part.id !== null && paired.has(part.id));
}

/** What the model said, as text: what a correction begins with. */
export function answerText(call: ModelCall): string {
  return (call.choices[0]?.message.parts ?? []).map((part) => (part.kind === "text" ? part.text : "")).filter(Boolean).join("\n");
}
