import { useState } from "react";
import { api } from "../api/endpoints";
import { queryClient, useFilters, useMe } from "../api/queries";
import type { SavedFilter } from "../api/types";
import { go, usePlace } from "../base/place";
import { Dialog } from "../parts/Dialog";
import { Icon } from "../parts/Icon";
import { Chip, Empty, Failed } from "../parts/small";
import { say } from "../parts/Toasts";
import { orderOf, paramsOf, queryOf } from "./filters";

/** Filters that were kept: to apply, to forget, and a form that keeps the present one. */
export function SavedFilters({ onClose }: { onClose: () => void }) {
  const { query } = usePlace();
  const filters = useFilters();
  const me = useMe().data;
  const [name, setName] = useState("");
  const [shared, setShared] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const doing = async (what: Promise<unknown>, said: string) => {
    try {
      await what;
      setError(null);
      await queryClient.invalidateQueries({ queryKey: ["filters"] });
      say(said);
    } catch (failure) {
      setError(failure);
    }
  };
  const apply = (filter: SavedFilter) => {
    go("/queue", { ...paramsOf(filter.query), order: filter.order === "attention" ? null : filter.order });
    onClose();
  };
  const mayWrite = me !== undefined && me.role !== "view";
  return (
    <Dialog title="Saved filters" onClose={onClose}>
      {error || filters.error ? <Failed error={error ?? filters.error} /> : null}
      <ul className="plain-list">
        {filters.data?.filters.map((filter) => (
          <li key={`${filter.owner}/${filter.name}`} className="row">
            <button type="button" className="button grow left" onClick={() => apply(filter)}><span className="cut">{filter.name}</span></button>
            {filter.shared ? <Chip tone="info">{filter.owner === me?.user ? "shared" : `of ${filter.owner}`}</Chip> : null}
            {filter.owner === me?.user ? (
              <button type="button" className="iconbutton" aria-label={`Forget ${filter.name}`} onClick={() => void doing(api.deleteFilter(filter.name), `Forgot ${filter.name}`)}><Icon name="cross" /></button>
            ) : null}
          </li>
        ))}
      </ul>
      {filters.data?.filters.length === 0 ? <Empty title="No filter has been saved yet." /> : null}
      {mayWrite ? (
        <form
          className="col keep-form"
          onSubmit={(event) => {
            event.preventDefault();
            if (name.trim()) void doing(api.saveFilter(name.trim(), queryOf(query), orderOf(query), shared), `Saved ${name.trim()}`);
          }}
        >
          <label className="field"><span>Save what the list shows now, as</span><input data-first value={name} maxLength={100} onChange={(event) => setName(event.target.value)} /></label>
          <div className="row">
            <label className="check"><input type="checkbox" checked={shared} onChange={(event) => setShared(event.target.checked)} />for everybody</label>
            <button type="submit" className="button button-main push" disabled={!name.trim()}>Save filter</button>
          </div>
        </form>
      ) : null}
    </Dialog>
  );
}
