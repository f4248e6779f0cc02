import type { RefObject } from "react";
import { useEffect, useState } from "react";
import type { Counts, Order } from "../api/types";
import { count } from "../base/format";
import { change, usePlace } from "../base/place";
import { Icon } from "../parts/Icon";
import { Kbd } from "../parts/small";
import { queryOf, REASON_WORDS, type ReasonCode } from "./filters";

interface Props {
  readonly search: RefObject<HTMLInputElement | null>;
  readonly counts: Counts | undefined;
  readonly me: string;
  readonly order: Order;
  readonly onFilters: () => void;
  readonly onSaved: () => void;
  readonly onBulk: (() => void) | undefined;
}

const TABS = [
  ["pending", "Waiting"],
  ["approved", "Approved"],
  ["quarantined", "Quarantined"],
  ["all", "All"],
] as const;

/** Search, the counts by review status, and what else is asked of the list. */
export function FilterBar({ search, counts, me, order, onFilters, onSaved, onBulk }: Props) {
  const { query } = usePlace();
  const chosen = query["review_status"] ?? "pending";
  const [text, setText] = useState(query["text"] ?? "");
  useEffect(() => setText(query["text"] ?? ""), [query["text"]]);
  useEffect(() => {
    if (text === (query["text"] ?? "")) return undefined;
    const timer = window.setTimeout(() => change({ text, s: null }, true), 300);
    return () => window.clearTimeout(timer);
  }, [text]);
  return (
    <div className="filters">
      <div className="searchbox">
        <Icon name="search" />
        <input
          ref={search}
          type="search"
          value={text}
          placeholder="Search tasks, messages, results"
          aria-label="Search in tasks, answers, messages, arguments, results and errors"
          onChange={(event) => setText(event.target.value)}
          onKeyDown={(event) => {
            if (event.key === "Enter") change({ text, s: null });
            if (event.key !== "Escape" && event.key !== "Enter") return;
            event.preventDefault(); // Escape would empty the field
            event.currentTarget.blur();
          }}
        />
        <Kbd>/</Kbd>
      </div>
      <div className="statuses" role="group" aria-label="Review status">
        {TABS.map(([value, name]) => {
          const number = counts && (value === "all" ? counts.total : counts[value]);
          const atLeast = value === "all" && counts !== undefined && counts.total >= counts.counted_to;
          return (
            <button
              key={value}
              type="button"
              className="status-tab"
              aria-pressed={chosen === value}
              onClick={() => change({ review_status: value === "pending" ? null : value, s: null })}
            >
              <span className="num status-count">{number === undefined ? "·" : count(number)}{atLeast ? "+" : ""}</span>
              <span className="status-name">{name}</span>
            </button>
          );
        })}
      </div>
      <div className="row wrap filter-row">
        <button type="button" className="button button-small" onClick={onFilters} title="Filters (f)">Filter</button>
        <button type="button" className="button button-small" onClick={onSaved} title="Saved filters (s)"><Icon name="save" />Saved</button>
        {onBulk ? <button type="button" className="button button-small" onClick={onBulk} title="All of these (b)">Bulk</button> : null}
        <label className="row small quiet push">
          <span className="unseen">Order</span>
          <select className="select-small" value={order} onChange={(event) => change({ order: event.target.value === "attention" ? null : event.target.value })}>
            <option value="attention">Attention</option>
            <option value="newest">Newest</option>
            <option value="oldest">Oldest</option>
          </select>
        </label>
      </div>
      <Conditions counts={counts} me={me} />
    </div>
  );
}

const NAMES: Record<string, string> = {
  status: "status", agent: "agent", model: "model", tool: "tool", tag: "tag", learning_key: "learning key",
  task_group: "task group", conversation: "conversation", cluster: "cluster", assigned_to: "assigned to",
  reviewed_by: "reviewed by", since: "since", until: "until", min_reward: "reward ≥", max_reward: "reward ≤",
  failed: "something failed", reason: "reason", text: "text",
};

/** What the list is narrowed to, each with a way to take it away. */
function Conditions({ counts, me }: { counts: Counts | undefined; me: string }) {
  const { query } = usePlace();
  const asked = Object.entries(queryOf(query)).filter(([name]) => name !== "review_status");
  const ties = counts?.ties ?? 0;
  const changed = counts?.changed_after_review ?? 0;
  const mine = counts?.assigned_to_me ?? 0;
  const offered = [
    ties > 0 && query["reason"] !== "tie" ? { text: `${count(ties)} ties`, to: { reason: "tie", review_status: null } } : null,
    changed > 0 && query["reason"] !== "changed_after_review" ? { text: `${count(changed)} changed since review`, to: { reason: "changed_after_review", review_status: null } } : null,
    mine > 0 && !query["assigned_to"] ? { text: `${count(mine)} for me`, to: { assigned_to: me } } : null,
  ].filter((one) => one !== null);
  if (asked.length === 0 && offered.length === 0) return null;
  return (
    <div className="row wrap conditions">
      {asked.map(([name, value]) => (
        <button key={name} type="button" className="condition" onClick={() => change({ [name]: null, s: null })} title="Take this condition away">
          <span className="cut">
            {name === "failed" ? NAMES[name] : `${NAMES[name] ?? name}: ${name === "reason" ? REASON_WORDS[value as ReasonCode] : String(value)}`}
          </span>
          <Icon name="cross" size={11} />
        </button>
      ))}
      {offered.map((one) => (
        <button key={one.text} type="button" className="condition condition-offer" onClick={() => change({ ...one.to, s: null })}>{one.text}</button>
      ))}
    </div>
  );
}
