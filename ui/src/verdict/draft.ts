import type { Action, Criterion } from "../api/types";

/** What a reviewer chose and typed for a session and has not saved: kept in the browser until it is. */
export interface Draft {
  readonly verdict: "approved" | "quarantined" | "pending" | null;
  /** By `keyOf`. */
  readonly scores: Readonly<Record<string, number>>;
  readonly note: string;
  /** By step. */
  readonly stepNotes: Readonly<Record<string, string>>;
  readonly addTags: readonly string[];
  readonly dropTags: readonly string[];
}

export const EMPTY: Draft = { verdict: null, scores: {}, note: "", stepNotes: {}, addTags: [], dropTags: [] };

/** Under what a score is kept: its criterion, and its step where it is of one. */
export function keyOf(criterion: string, step: number | null): string {
  return `${step ?? "session"}@${criterion}`;
}

/** What saving the draft does, in the order in which it is done: the verdict last, on all that was said before. */
export function actionsOf(draft: Draft): Action[] {
  const actions: Action[] = [];
  for (const [key, score] of Object.entries(draft.scores)) {
    const at = key.indexOf("@");
    const step = key.slice(0, at);
    actions.push({ kind: "score", criterion: key.slice(at + 1), step: step === "session" ? null : Number(step), score });
  }
  for (const [step, text] of Object.entries(draft.stepNotes)) {
    if (text.trim()) actions.push({ kind: "note", text: text.trim(), step: Number(step) });
  }
  for (const tag of draft.addTags) actions.push({ kind: "tag", tag });
  for (const tag of draft.dropTags) actions.push({ kind: "untag", tag });
  if (draft.note.trim()) actions.push({ kind: "note", text: draft.note.trim(), step: null });
  if (draft.verdict) actions.push({ kind: "verdict", verdict: draft.verdict, final: false });
  return actions;
}

export function isEmpty(draft: Draft): boolean {
  return actionsOf(draft).length === 0;
}

/** The points of a criterion's scale, from the lowest up; none where they are too many for a row of buttons. */
export function pointsOf(criterion: Criterion): number[] {
  const steps = Math.round((criterion.max - criterion.min) / criterion.step);
  if (!Number.isFinite(steps) || steps < 1 || steps > 8) return [];
  return Array.from({ length: steps + 1 }, (_, index) => rounded(criterion.min + index * criterion.step));
}

/** What the key `digit` (1–9) gives on a criterion; where it has more points than keys, 1 is its lowest and 9 its highest. */
export function scoreOfKey(criterion: Criterion, digit: number): number | null {
  const points = pointsOf(criterion);
  if (points.length > 0) return points[digit - 1] ?? null;
  const at = criterion.min + ((digit - 1) / 8) * (criterion.max - criterion.min);
  return rounded(criterion.min + Math.round((at - criterion.min) / criterion.step) * criterion.step);
}

function rounded(value: number): number {
  return Number(value.toFixed(6));
}
