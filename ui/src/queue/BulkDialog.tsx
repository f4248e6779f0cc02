import { useEffect, useState } from "react";
import { ApiError } from "../api/client";
import { api } from "../api/endpoints";
import { queryClient, useSetup } from "../api/queries";
import type { BulkAction, BulkPreview, SessionQuery } from "../api/types";
import { plural } from "../base/format";
import { go, usePlace } from "../base/place";
import { Dialog } from "../parts/Dialog";
import { Failed, Loading } from "../parts/small";
import { say } from "../parts/Toasts";
import { conditionsIn } from "./filters";

const KINDS = [
  ["approved", "Approve"],
  ["quarantined", "Quarantine"],
  ["pending", "Let wait again"],
  ["tag", "Tag"],
  ["note", "Note"],
  ["assign", "Assign"],
] as const;
type Kind = (typeof KINDS)[number][0];

function actionOf(kind: Kind, text: string): BulkAction | null {
  const said = text.trim();
  if (kind === "tag") return said ? { kind: "tag", tag: said } : null;
  if (kind === "note") return said ? { kind: "note", text: said } : null;
  if (kind === "assign") return { kind: "assign", to: said || null };
  return { kind: "verdict", verdict: kind, final: false };
}

/** One thing for every session of the filter: first how many they are, then a confirmation that says so. */
export function BulkDialog({ query, onClose }: { query: SessionQuery; onClose: () => void }) {
  const { query: place } = usePlace();
  const datasets = useSetup().data?.datasets === true;
  const [kind, setKind] = useState<Kind>("approved");
  const [text, setText] = useState("");
  const [preview, setPreview] = useState<BulkPreview | null>(null);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const action = actionOf(kind, text);
  const asked = JSON.stringify([query, action]);
  useEffect(() => {
    setPreview(null);
    if (!action) return undefined;
    let current = true;
    const timer = window.setTimeout(() => {
      api.previewBulk(query, action).then(
        (found) => { if (current) { setPreview(found); setError(null); } },
        (failure: unknown) => { if (current) setError(failure); },
      );
    }, 200);
    return () => { current = false; window.clearTimeout(timer); };
  }, [asked]);
  const submit = async () => {
    if (!preview || !action || busy || preview.count === 0) return;
    setBusy(true);
    try {
      const { done } = await api.bulk(query, action, preview.token);
      say(`${name}: done for ${plural(done, "session")}`);
      await queryClient.invalidateQueries();
      onClose();
    } catch (failure) {
      setError(failure instanceof ApiError && failure.problem.code === "conflict" ? "The sessions of this filter changed meanwhile. Look at the new count, and confirm again." : failure);
      setBusy(false);
      setPreview(await api.previewBulk(query, action).catch(() => null));
    }
  };
  const name = KINDS.find(([one]) => one === kind)?.[1] ?? kind;
  return (
    <Dialog
      title="All sessions of this filter"
      onClose={onClose}
      onSubmit={() => void submit()}
      footer={
        <>
          <button type="button" className="button" onClick={onClose}>Cancel</button>
          {datasets ? <button type="button" className="button" onClick={() => go("/datasets", { ...conditionsIn(place), review_status: null, order: null, build: true })}>Build a dataset of them</button> : null}
          <button type="button" className={kind === "quarantined" ? "button button-bad push" : "button button-main push"} disabled={!preview || preview.count === 0 || busy} onClick={() => void submit()}>
            {preview ? `${name} ${plural(preview.count, "session")}` : name}
          </button>
        </>
      }
    >
      <div className="col">
        <label className="field">
          <span>What to do</span>
          <select data-first value={kind} onChange={(event) => setKind(event.target.value as Kind)}>
            {KINDS.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
          </select>
        </label>
        {["tag", "note", "assign"].includes(kind) ? (
          <label className="field">
            <span>{kind === "assign" ? "To whom (empty: to nobody)" : kind === "tag" ? "Tag" : "Note"}</span>
            <input value={text} onChange={(event) => setText(event.target.value)} />
          </label>
        ) : null}
        {error ? <Failed error={error} /> : null}
        {preview ? (
          <p className="bulk-count" role="status">
            <strong className="num">{plural(preview.count, "session")}</strong> {preview.count === 1 ? "matches" : "match"} the filter as it is now. It is done for all of them or for none.
          </p>
        ) : action ? <Loading lines={1} label="Counting" /> : <p className="quiet">Say what to write first.</p>}
      </div>
    </Dialog>
  );
}
