import { useState } from "react";
import { api } from "../api/endpoints";
import { useCounts, useSetup } from "../api/queries";
import type { BuildBody } from "../api/types";
import { count } from "../base/format";
import { useKept } from "../base/storage";
import { usePlace } from "../base/place";
import { Dialog } from "../parts/Dialog";
import { Chip, Failed } from "../parts/small";
import { say } from "../parts/Toasts";
import { queryOf } from "../queue/filters";

interface Form {
  readonly name: string;
  readonly format: BuildBody["format"];
  readonly files: BuildBody["files"];
  readonly train: number;
  readonly validation: number;
  readonly everyStatus: boolean;
}

const FORM: Form = { name: "", format: "chat", files: "jsonl", train: 90, validation: 5, everyStatus: false };
const FORMATS: readonly NonNullable<BuildBody["format"]>[] = ["chat", "preference", "rl", "kto", "tokens", "openai", "openai-preference", "verl", "atif", "atlas"];

/** A dataset of the sessions of the URL's conditions: of the approved ones, unless every status is asked for. */
export function BuildDialog({ onClose, onBuilt }: { onClose: () => void; onBuilt: () => void }) {
  const { query: params } = usePlace();
  const setup = useSetup().data;
  const [form, setForm] = useKept<Form>("build-form", FORM);
  const [error, setError] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  const asked = queryOf({ ...params, review_status: "all", name: "" });
  const query = form.everyStatus ? asked : { ...asked, review_status: "approved" as const };
  const counts = useCounts(query).data;
  const conditions = Object.entries(asked);
  const test = 100 - form.train - form.validation;
  const good = /^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(form.name) && test >= 0;
  const set = (changes: Partial<Form>) => setForm({ ...form, ...changes });
  const submit = async () => {
    if (!good || busy) return;
    setBusy(true);
    try {
      await api.build({
        name: form.name, format: form.format, files: form.files, query: asked, every_status: form.everyStatus,
        train: form.train / 100, validation: form.validation / 100, test: test / 100, seed: 0,
      });
      say(`Building ${form.name}`);
      set({ name: "" });
      onBuilt();
      onClose();
    } catch (failure) {
      setError(failure);
      setBusy(false);
    }
  };
  return (
    <Dialog
      title="Build a dataset"
      onClose={onClose}
      onSubmit={() => void submit()}
      footer={<><button type="button" className="button" onClick={onClose}>Cancel</button><button type="button" className="button button-main push" disabled={!good || busy} onClick={() => void submit()}>Build{counts ? ` of ${count(counts.total)} sessions` : ""}</button></>}
    >
      {error ? <Failed error={error} /> : null}
      <div className="row wrap small">
        <span className="quiet">Of</span>{form.everyStatus ? <Chip tone="warn">every status</Chip> : <Chip tone="good">approved</Chip>}
        {conditions.length ? conditions.map(([name, value]) => <Chip key={name}>{name.replaceAll("_", " ")}: {String(value)}</Chip>) : <span>sessions, without other conditions</span>}
      </div>
      <label className="field"><span>Name</span><input data-first value={form.name} placeholder="support-2026-11" onChange={(event) => set({ name: event.target.value })} /></label>
      <div className="form-grid form-two">
        <label className="field"><span>Format</span><select value={form.format} onChange={(event) => set({ format: event.target.value as NonNullable<Form["format"]> })}>{FORMATS.filter((one) => !setup || setup.formats.length === 0 || setup.formats.includes(one)).map((one) => <option key={one}>{one}</option>)}</select></label>
        <label className="field"><span>Files</span><select value={form.files} onChange={(event) => set({ files: event.target.value as NonNullable<Form["files"]> })}><option>jsonl</option><option>parquet</option></select></label>
        <label className="field"><span>Train, %</span><input type="number" min={0} max={100} value={form.train} onChange={(event) => set({ train: event.target.valueAsNumber || 0 })} /></label>
        <label className="field"><span>Validation, % (test: {test})</span><input type="number" min={0} max={100} value={form.validation} onChange={(event) => set({ validation: event.target.valueAsNumber || 0 })} /></label>
      </div>
      <label className="check small"><input type="checkbox" checked={form.everyStatus} onChange={(event) => set({ everyStatus: event.target.checked })} />every review status, not the approved ones alone</label>
    </Dialog>
  );
}
