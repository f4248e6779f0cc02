import { useState } from "react";
import { useFacets, useMe } from "../api/queries";
import { go, usePlace } from "../base/place";
import { Dialog } from "../parts/Dialog";
import { conditionsIn, REASON_WORDS, REASONS } from "./filters";

/** Every condition that the list can be narrowed by. */
export function FilterDialog({ onClose }: { onClose: () => void }) {
  const { path, query } = usePlace();
  const [asked, setAsked] = useState<Record<string, string>>(() => conditionsIn(query));
  const facets = useFacets().data;
  const me = useMe().data;
  const set = (name: string, value: string) => setAsked((before) => ({ ...before, [name]: value }));
  const submit = () => {
    go(path, asked);
    onClose();
  };
  const text = (name: string, label: string, options: readonly string[] = []) => (
    <label className="field">
      <span>{label}</span>
      <input list={options.length ? `options-${name}` : undefined} value={asked[name] ?? ""} onChange={(event) => set(name, event.target.value)} autoComplete="off" spellCheck={false} />
      {options.length ? <datalist id={`options-${name}`}>{options.map((one) => <option key={one} value={one} />)}</datalist> : null}
    </label>
  );
  const choice = (name: string, label: string, options: readonly (readonly [string, string])[]) => (
    <label className="field">
      <span>{label}</span>
      <select value={asked[name] ?? ""} onChange={(event) => set(name, event.target.value)}>
        {options.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
      </select>
    </label>
  );
  const time = (name: string, label: string) => (
    <label className="field">
      <span>{label}</span>
      <input type="datetime-local" value={local(asked[name])} onChange={(event) => set(name, event.target.value ? new Date(event.target.value).toISOString() : "")} />
    </label>
  );
  return (
    <Dialog
      title="Filter sessions"
      onClose={onClose}
      onSubmit={submit}
      wide
      footer={
        <>
          <button type="button" className="button" onClick={() => setAsked({})}>Clear</button>
          <button type="submit" form="filter-form" className="button button-main push">Show sessions</button>
        </>
      }
    >
      <form id="filter-form" className="form-grid" onSubmit={(event) => { event.preventDefault(); submit(); }}>
        {text("text", "Text in task, answer, messages, results or errors")}
        {choice("reason", "Worth a look because of", [["", "anything"], ...REASONS.map((one) => [one, REASON_WORDS[one]] as const)])}
        {choice("status", "Run", [["", "any"], ["succeeded", "succeeded"], ["failed", "failed"], ["running", "running"]])}
        {choice("review_status", "Review", [["", "waiting"], ["approved", "approved"], ["quarantined", "quarantined"], ["all", "all"]])}
        {text("agent", "Agent", facets?.agents)}
        {text("model", "Model", facets?.models)}
        {text("tool", "Tool", facets?.tools)}
        {text("tag", "Tag", facets?.tags)}
        {text("learning_key", "Learning key", facets?.learning_keys)}
        {text("conversation", "Conversation")}
        {text("assigned_to", "Assigned to (- for nobody)", [...new Set([me?.user ?? "", "-", ...(facets?.reviewers ?? [])])].filter(Boolean))}
        {text("reviewed_by", "Reviewed by", facets?.reviewers)}
        {time("since", "Started since")}
        {time("until", "Started before")}
        <label className="field"><span>Reward at least</span><input type="number" step="any" value={asked["min_reward"] ?? ""} onChange={(event) => set("min_reward", event.target.value)} /></label>
        <label className="field"><span>Reward at most</span><input type="number" step="any" value={asked["max_reward"] ?? ""} onChange={(event) => set("max_reward", event.target.value)} /></label>
        <label className="check"><input type="checkbox" checked={asked["failed"] === "true"} onChange={(event) => set("failed", event.target.checked ? "true" : "")} />The session, a step or a call failed</label>
      </form>
    </Dialog>
  );
}

/** An ISO time as the field wants it: local, to the minute. */
function local(iso: string | undefined): string {
  if (!iso || Number.isNaN(Date.parse(iso))) return "";
  const date = new Date(iso);
  return new Date(date.valueOf() - date.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}
