import type { GroupComparison, SessionQuery } from "../api/types";
import type { Place } from "../base/place";
import { compact, count, dollars, duration, percent, score } from "../base/format";
import { queryOf } from "../queue/filters";

export type Numbers = GroupComparison["left"];
export type SideName = "left" | "right";

/** A side's conditions: the URL has them as `left.agent`, `right.since`, … Every review status, unless one is asked. */
export function sideOf(query: Place["query"], side: SideName): SessionQuery {
  const own: Record<string, string> = { review_status: "all" };
  for (const [name, value] of Object.entries(query)) if (name.startsWith(`${side}.`)) own[name.slice(side.length + 1)] = value;
  return queryOf(own);
}

export interface NumberRow {
  readonly name: string;
  readonly of: (numbers: Numbers) => number | null;
  readonly show: (value: number | null) => string;
  /** Whether more of it is better; null where neither is. */
  readonly better: "more" | "less" | null;
}

const share = (part: number, whole: number) => (whole > 0 ? part / whole : null);
const milliseconds = (seconds: number | null) => (seconds === null ? null : seconds * 1000);

export const ROWS: readonly NumberRow[] = [
  { name: "sessions", of: (one) => one.sessions, show: count, better: null },
  { name: "succeeded", of: (one) => share(one.succeeded, one.succeeded + one.failed), show: percent, better: "more" },
  { name: "reward, mean", of: (one) => one.reward_mean, show: score, better: "more" },
  { name: "reward, spread", of: (one) => one.reward_spread, show: score, better: null },
  { name: "rewarded", of: (one) => share(one.rewarded, one.sessions), show: percent, better: null },
  { name: "retries a session", of: (one) => share(one.retries, one.sessions), show: score, better: "less" },
  { name: "rejected attempts a session", of: (one) => share(one.rejected, one.sessions), show: score, better: "less" },
  { name: "guided retries that improved", of: (one) => share(one.improved, one.guided), show: percent, better: "more" },
  { name: "gain by guidance", of: (one) => one.gain_mean, show: score, better: "more" },
  { name: "steps, mean", of: (one) => one.steps_mean, show: score, better: null },
  { name: "failures a session", of: (one) => share(one.failures, one.sessions), show: score, better: "less" },
  { name: "tokens in a session", of: (one) => share(one.input_tokens, one.sessions), show: compact, better: "less" },
  { name: "tokens out a session", of: (one) => share(one.output_tokens, one.sessions), show: compact, better: "less" },
  { name: "cost a session", of: (one) => (one.cost_usd === null ? null : share(one.cost_usd, one.sessions)), show: dollars, better: "less" },
  { name: "duration p50", of: (one) => milliseconds(one.p50_seconds), show: duration, better: "less" },
  { name: "duration p95", of: (one) => milliseconds(one.p95_seconds), show: duration, better: "less" },
  { name: "duration p99", of: (one) => milliseconds(one.p99_seconds), show: duration, better: "less" },
];

/** How the right side differs: "+12%", and whether that is good. */
export function change(row: NumberRow, left: number | null, right: number | null): { text: string; tone: "good" | "bad" | "plain" } | null {
  if (left === null || right === null || left === right) return null;
  const text = left === 0 ? (right > 0 ? "more" : "less") : `${right > left ? "+" : "−"}${Math.abs(((right - left) / Math.abs(left)) * 100).toFixed(0)}%`;
  if (row.better === null) return { text, tone: "plain" };
  return { text, tone: (right > left) === (row.better === "more") ? "good" : "bad" };
}
