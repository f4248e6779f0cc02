import type { Attempt, Session, SkeletonSpan, Step } from "../api/types";

/** Which attempt of a step is shown: its number, or the diff between two. */
export type StepTab = number | "diff";

/** One block of the transcript. Only those in sight are in the document. */
export type Row =
  | { readonly type: "step"; readonly key: string; readonly step: Step; readonly tab: StepTab }
  | { readonly type: "guidance"; readonly key: string; readonly step: Step; readonly notes: readonly string[]; readonly led: boolean }
  | { readonly type: "span"; readonly key: string; readonly span: SkeletonSpan; readonly depth: number; readonly step: number | null }
  | { readonly type: "outcome"; readonly key: string; readonly step: Step; readonly attempt: Attempt }
  | { readonly type: "diff"; readonly key: string; readonly step: Step }
  | { readonly type: "around"; readonly key: string; readonly spans: number; readonly alone: boolean }
  | { readonly type: "answer"; readonly key: string };

/** Which attempt is shown where nobody chose: the last one. */
export function lastAttempt(step: Step): StepTab {
  return step.attempts.at(-1)?.attempt ?? 1;
}

/** Why the session failed: as its row says, else as its own span does. */
export function errorOf(session: Session, spans: readonly SkeletonSpan[]): string | null {
  return session.error ?? spans.find((span) => span.kind === "session" && span.status === "failed")?.error ?? null;
}

interface Block {
  readonly start: number;
  readonly step: Step | null;
  readonly spans: SkeletonSpan[];
}

/** The transcript's rows: steps in the order in which they began, and what ran around them in its place between. */
export function rowsOf(session: Session, spans: readonly SkeletonSpan[], tabOf: (step: Step) => StepTab): Row[] {
  const rows: Row[] = [];
  const blocks = blocksOf(session, spans);
  const parents = new Map(spans.map((span) => [span.id, span.parent]));
  for (const block of blocks) {
    if (block.step) rows.push(...stepRows(block.step, block.spans, tabOf(block.step), parents));
    else {
      rows.push({ type: "around", key: `around-${block.spans[0]?.id ?? ""}`, spans: block.spans.length, alone: session.steps.length === 0 });
      rows.push(...spanRows(block.spans, null, parents));
    }
  }
  if (session.final_answer || errorOf(session, spans)) rows.push({ type: "answer", key: "answer" });
  return rows;
}

/** What was reported while something ran: steps show it in its own form, the tree as it came. */
const REPORTED = new Set(["plan", "validation", "reward", "guidance", "metadata"]);

function isReported(span: SkeletonSpan): boolean {
  return span.kind === "reward" || (span.kind === "custom" && REPORTED.has(span.name) && span.duration_ms === 0);
}

function blocksOf(session: Session, spans: readonly SkeletonSpan[]): Block[] {
  const known = new Map(session.steps.map((step) => [step.step_id, step]));
  const inside = new Map<number, SkeletonSpan[]>(session.steps.map((step) => [step.step_id, []]));
  const outside: SkeletonSpan[] = [];
  for (const span of spans) {
    if (span.kind === "session" || isReported(span)) continue;
    const of = span.step === null ? undefined : inside.get(span.step);
    if (of) of.push(span);
    else outside.push(span);
  }
  let last = -Infinity;
  const blocks: Block[] = session.steps.map((step) => {
    const own = inside.get(step.step_id) ?? [];
    // A step that never ran stands behind the one that it follows in the plan.
    const start = own[0]?.start_ms ?? last;
    last = Math.max(last, start);
    return { start, step: known.get(step.step_id) ?? step, spans: own };
  });
  blocks.sort((a, b) => a.start - b.start);
  const merged: Block[] = [];
  let at = 0;
  const take = (before: number) => {
    const group: SkeletonSpan[] = [];
    for (let span = outside[at]; span && span.start_ms < before; span = outside[at]) {
      group.push(span);
      at += 1;
    }
    if (group.length > 0) merged.push({ start: group[0]?.start_ms ?? 0, step: null, spans: group });
  };
  for (const block of blocks) {
    take(block.start);
    merged.push(block);
  }
  take(Infinity);
  return merged;
}

type Parents = ReadonlyMap<string, string | null>;

function stepRows(step: Step, spans: readonly SkeletonSpan[], tab: StepTab, parents: Parents): Row[] {
  const id = step.step_id;
  const rows: Row[] = [{ type: "step", key: `step-${id}`, step, tab }];
  if (tab === "diff") {
    rows.push({ type: "diff", key: `diff-${id}`, step });
    return rows;
  }
  const attempt = step.attempts.find((one) => one.attempt === tab);
  if (!attempt) return rows;
  const before = step.attempts[step.attempts.indexOf(attempt) - 1];
  if (before && before.guidance.length > 0) rows.push({ type: "guidance", key: `before-${id}-${tab}`, step, notes: before.guidance, led: true });
  const own = spans.filter((span) => (span.attempt ?? 1) === tab && span.kind !== "step" && span.id !== attempt.span);
  rows.push(...spanRows(own, id, parents));
  rows.push({ type: "outcome", key: `outcome-${id}-${tab}`, step, attempt });
  if (attempt.guidance.length > 0) rows.push({ type: "guidance", key: `after-${id}-${tab}`, step, notes: attempt.guidance, led: false });
  return rows;
}

const INDENTS = 6;

function spanRows(spans: readonly SkeletonSpan[], step: number | null, parents: Parents): Row[] {
  const depths = new Map<string, number>();
  return spans.map((span) => {
    let above = span.parent;
    // A parent that is not shown (the attempt's own span) does not indent.
    for (let hops = 0; above !== null && !depths.has(above) && hops < 50; hops += 1) above = parents.get(above) ?? null;
    const depth = above !== null && depths.has(above) ? (depths.get(above) ?? 0) + 1 : 0;
    depths.set(span.id, depth);
    return { type: "span", key: span.id, span, depth: Math.min(depth, INDENTS), step };
  });
}
