import type { Place } from "../base/place";
import type { Order, SessionQuery } from "../api/types";

/** The parameters of the URL that are conditions on sessions, each as the API names it. */
export const TEXT_FIELDS = [
  "agent", "model", "tool", "tag", "learning_key", "conversation", "cluster", "assigned_to", "reviewed_by", "text",
] as const;
const TIME_FIELDS = ["since", "until"] as const;
const NUMBER_FIELDS = ["min_reward", "max_reward"] as const;

const STATUSES = ["running", "succeeded", "failed"] as const;
const REVIEWS = ["pending", "approved", "quarantined"] as const;
export const REASONS = [
  "drift", "rejected_attempts", "judge_disagreement", "low_reward", "missing_reward", "unusual_length",
  "failure_cluster", "new_task_group", "changed_after_review", "tie",
] as const;
const ORDERS = ["attention", "newest", "oldest"] as const;

export type ReasonCode = (typeof REASONS)[number];

/** What a reviewer calls a reason to look. */
export const REASON_WORDS: Record<ReasonCode, string> = {
  drift: "drift",
  rejected_attempts: "rejected attempts",
  judge_disagreement: "judges disagree",
  low_reward: "low reward",
  missing_reward: "no reward",
  unusual_length: "unusual length",
  failure_cluster: "failure cluster",
  new_task_group: "new task group",
  changed_after_review: "changed since review",
  tie: "tie",
};

function among<T extends string>(values: readonly T[], value: string | undefined): T | undefined {
  return values.find((one) => one === value);
}

type Mutable = { -readonly [K in keyof SessionQuery]: SessionQuery[K] };

/** The conditions that a place asks for. Without `review_status` the queue shows what waits; `all` shows every status. */
export function queryOf(query: Place["query"]): SessionQuery {
  const found: Mutable = {};
  const status = among(STATUSES, query["status"]);
  if (status) found.status = status;
  const review = among([...REVIEWS, "all"] as const, query["review_status"]) ?? "pending";
  if (review !== "all") found.review_status = review;
  const reason = among(REASONS, query["reason"]);
  if (reason) found.reason = reason;
  for (const name of TEXT_FIELDS) {
    const value = query[name];
    if (value) found[name] = value;
  }
  for (const name of TIME_FIELDS) {
    const value = query[name];
    if (value && !Number.isNaN(Date.parse(value))) found[name] = new Date(value).toISOString();
  }
  for (const name of NUMBER_FIELDS) {
    const value = query[name];
    if (value && Number.isFinite(Number(value))) found[name] = Number(value);
  }
  if (query["failed"] === "true") found.failed = true;
  return found;
}

export function orderOf(query: Place["query"]): Order {
  return among(ORDERS, query["order"]) ?? "attention";
}

/** The URL's parameters for conditions: what `queryOf` reads back. */
export function paramsOf(query: { readonly [name: string]: unknown }): Record<string, string | null> {
  const params: Record<string, string | null> = {};
  for (const name of [...TEXT_FIELDS, ...TIME_FIELDS, ...NUMBER_FIELDS, "status", "reason", "failed"]) {
    const value = query[name];
    params[name] = value === null || value === undefined || value === false || value === "" ? null : String(value);
  }
  const review = query["review_status"];
  params["review_status"] = typeof review === "string" ? (review === "pending" ? null : review) : "all";
  return params;
}

/** The parameters that are conditions, of a place as it is. */
export function conditionsIn(query: Place["query"]): Record<string, string> {
  const names = new Set<string>([...TEXT_FIELDS, ...TIME_FIELDS, ...NUMBER_FIELDS, "status", "reason", "failed", "review_status", "order"]);
  return Object.fromEntries(Object.entries(query).filter(([name]) => names.has(name)));
}

/** The same conditions, whatever they are called: true where both ask for the same sessions. */
export function sameQuery(a: SessionQuery, b: SessionQuery): boolean {
  const text = (query: SessionQuery) => JSON.stringify(Object.entries(query).filter(([, value]) => value !== null && value !== false).sort());
  return text(a) === text(b);
}
