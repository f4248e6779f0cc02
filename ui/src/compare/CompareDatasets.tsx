import { useQuery } from "@tanstack/react-query";
import { api } from "../api/endpoints";
import type { Dataset } from "../api/types";
import { bytes, count } from "../base/format";
import { change, usePlace } from "../base/place";
import { Empty, Failed, Loading } from "../parts/small";

/** Two datasets: what each holds, and how many sessions are in both. */
export function CompareDatasets() {
  const { query } = usePlace();
  const known = useQuery({ queryKey: ["datasets"], queryFn: api.datasets }).data?.datasets ?? [];
  const asked = query["left"] && query["right"] ? ([query["left"], query["right"]] as const) : null;
  const found = useQuery({ queryKey: ["compare", "datasets", asked], queryFn: () => api.compareDatasets(asked?.[0] ?? "", asked?.[1] ?? ""), enabled: asked !== null });
  const pick = (side: "left" | "right") => (
    <label className="field grow"><span>{side}</span>
      <select value={query[side] ?? ""} onChange={(event) => change({ [side]: event.target.value })}>
        <option value="">choose</option>
        {known.map((one) => <option key={one.name} value={one.name}>{one.name}</option>)}
      </select>
    </label>
  );
  const data = found.data;
  return (
    <div className="compare">
      <div className="row compare-form">{pick("left")}{pick("right")}</div>
      {known.length === 0 ? <Empty title="No dataset has been made yet." /> : !asked ? <Empty title="Choose two datasets." /> : null}
      {found.error ? <Failed error={found.error} again={() => void found.refetch()} /> : null}
      {asked && !data && !found.error ? <Loading lines={6} /> : null}
      {data ? (
        <>
          <Overlap left={data.sessions_left_only} both={data.sessions_in_both} right={data.sessions_right_only} />
          <section className="card">
            <table className="numbers">
              <thead><tr><th scope="col"></th><th scope="col">{data.left.item.name}</th><th scope="col">{data.right.item.name}</th></tr></thead>
              <tbody>
                {rowsOf(data.left, data.right).map(([name, left, right]) => (
                  <tr key={name}><th scope="row">{name}</th><td className="num text">{left}</td><td className={left === right ? "num text" : "num text differs"}>{right}</td></tr>
                ))}
              </tbody>
            </table>
          </section>
        </>
      ) : null}
    </div>
  );
}

function rowsOf(left: Dataset, right: Dataset): [string, string, string][] {
  const named = (one: Dataset, which: "counts" | "left_out" | "splits") => new Map(one[which].map((row) => [row.name, row.count]));
  const rows: [string, string, string][] = [
    ["format", left.item.format, right.item.format],
    ["sessions", count(left.item.sessions), count(right.item.sessions)],
    ["rows", count(left.item.rows), count(right.item.rows)],
    ["size", bytes(left.item.bytes), bytes(right.item.bytes)],
  ];
  for (const [which, label] of [["splits", "split"], ["counts", "count"], ["left_out", "left out"]] as const) {
    const [one, other] = [named(left, which), named(right, which)];
    for (const name of new Set([...one.keys(), ...other.keys()])) rows.push([`${label}: ${name}`, count(one.get(name) ?? 0), count(other.get(name) ?? 0)]);
  }
  rows.push(["selection", JSON.stringify(left.selection), JSON.stringify(right.selection)]);
  rows.push(["content", left.item.content_hash.slice(0, 16), right.item.content_hash.slice(0, 16)]);
  return rows;
}

function Overlap({ left, both, right }: { left: number; both: number; right: number }) {
  const total = left + both + right || 1;
  return (
    <section className="card overlap" aria-label="Sessions in common">
      <div className="overlap-bar" aria-hidden="true">
        <span className="overlap-left" style={{ width: `${(left / total) * 100}%` }} />
        <span className="overlap-both" style={{ width: `${(both / total) * 100}%` }} />
        <span className="overlap-right" style={{ width: `${(right / total) * 100}%` }} />
      </div>
      <p className="row small num"><span>{count(left)} sessions only left</span><span className="push strong">{count(both)} in both</span><span className="push">{count(right)} only right</span></p>
    </section>
  );
}
