import type { PlotGroup } from "../api/types";
import { compact, dollars, duration, percent, score } from "../base/format";
import type { Series } from "./Chart";
import { COLOURS } from "./palette";

/** One plot: what it shows of each group, by day. */
export interface Measure {
  readonly id: string;
  readonly title: string;
  readonly about?: string;
  readonly show: (value: number) => string;
  readonly ceiling?: number;
  /** Several lines of one group; drawn only where there is one group. */
  readonly lines: readonly { readonly name: string; readonly of: (group: PlotGroup) => (number | null)[] }[];
}

type Numbers = readonly (number | null)[];

/** `part` of `whole`, day by day; null where there is nothing to divide by. */
export function ratio(part: Numbers, whole: Numbers): (number | null)[] {
  return whole.map((all, index) => {
    const some = part[index];
    return all === null || all === 0 || some === null || some === undefined ? null : some / all;
  });
}

const milliseconds = (values: Numbers) => values.map((value) => (value === null ? null : value * 1000));
const all = (values: Numbers) => [...values];
const ended = (group: PlotGroup) => group.succeeded.map((value, index) => value + (group.failed[index] ?? 0));

const SESSIONS: readonly Measure[] = [
  { id: "sessions", title: "Sessions", show: compact, lines: [{ name: "sessions", of: (group) => all(group.sessions) }, { name: "failed", of: (group) => all(group.failed) }] },
  { id: "reward", title: "Reward", about: "mean of the rewarded", show: score, lines: [{ name: "reward", of: (group) => all(group.reward_mean) }, { name: "spread", of: (group) => all(group.reward_spread) }] },
  { id: "success", title: "Success", about: "of those that ended", show: percent, ceiling: 1, lines: [{ name: "succeeded", of: (group) => ratio(group.succeeded, ended(group)) }] },
  { id: "retries", title: "Retries", about: "a session", show: score, lines: [{ name: "retries", of: (group) => ratio(group.retries, group.sessions) }, { name: "rejected attempts", of: (group) => ratio(group.rejected, group.sessions) }] },
  { id: "guidance", title: "What guidance does", about: "guided retries that passed or scored higher", show: percent, ceiling: 1, lines: [{ name: "improved", of: (group) => ratio(group.improved, group.guided) }] },
  { id: "gain", title: "Gain by guidance", about: "how far it moved the score", show: score, lines: [{ name: "gain", of: (group) => all(group.gain_mean) }] },
];

const COMMON: readonly Measure[] = [
  { id: "tokens", title: "Tokens", show: compact, lines: [{ name: "in", of: (group) => all(group.input_tokens) }, { name: "out", of: (group) => all(group.output_tokens) }] },
  { id: "cost", title: "Cost", show: dollars, lines: [{ name: "cost", of: (group) => all(group.cost_usd) }] },
  { id: "latency", title: "Latency", about: "percentiles", show: duration, lines: [{ name: "p50", of: (group) => milliseconds(group.p50_seconds) }, { name: "p95", of: (group) => milliseconds(group.p95_seconds) }, { name: "p99", of: (group) => milliseconds(group.p99_seconds) }] },
];

const CALLS: readonly Measure[] = [
  { id: "calls", title: "Calls", show: compact, lines: [{ name: "calls", of: (group) => all(group.calls) }, { name: "failed", of: (group) => all(group.failed_calls) }] },
  { id: "call-success", title: "Calls that failed", show: percent, lines: [{ name: "failed", of: (group) => ratio(group.failed_calls, group.calls) }] },
];

/** The plots for a grouping: by model or tool they are of calls, else of sessions. */
export function measuresOf(by: string): readonly Measure[] {
  return by === "model" || by === "tool" ? [...CALLS, ...COMMON] : [...SESSIONS, ...COMMON];
}

/** A measure's lines: each of its own for one group; its first one, a group each, for several. */
export function seriesOf(measure: Measure, groups: readonly PlotGroup[]): Series[] {
  const only = groups[0];
  if (groups.length === 1 && only) {
    return measure.lines.map((line, index) => ({ name: line.name, values: line.of(only), colour: COLOURS[index] ?? "--c1", dash: index > 0 }));
  }
  const first = measure.lines[measure.id === "latency" ? 1 : 0];
  if (!first) return [];
  return groups.map((group, index) => ({ name: group.rest ? "all others" : group.name || "(none)", values: first.of(group), colour: group.rest ? "--ink-3" : (COLOURS[index % COLOURS.length] ?? "--c1") }));
}

/** Sessions that began from `first` to `last`, both included. */
export function sessionsIn(days: readonly string[], groups: readonly PlotGroup[], first: string, last: string): number {
  let sum = 0;
  days.forEach((day, index) => {
    if (day >= first && day <= last) for (const group of groups) sum += group.sessions[index] ?? 0;
  });
  return sum;
}

