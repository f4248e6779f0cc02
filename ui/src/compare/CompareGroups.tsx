import { useQuery } from "@tanstack/react-query";
import { api } from "../api/endpoints";
import { useFacets } from "../api/queries";
import { change as goTo, go, usePlace } from "../base/place";
import { Empty, Failed, Loading } from "../parts/small";
import { paramsOf } from "../queue/filters";
import { change, ROWS, sideOf, type SideName } from "./groups";

/** Two sets of sessions, each by its own conditions, in numbers. */
export function CompareGroups() {
  const { query } = usePlace();
  const left = sideOf(query, "left");
  const right = sideOf(query, "right");
  const asked = Object.keys(left).length + Object.keys(right).length > 0;
  const found = useQuery({ queryKey: ["compare", "groups", left, right], queryFn: () => api.compareGroups(left, right), enabled: asked });
  return (
    <div className="compare">
      <div className="sides"><Conditions side="left" /><Conditions side="right" /></div>
      {!asked ? <Empty title="Say what the two groups are.">Two agents, two models, before and after a day.</Empty> : null}
      {found.error ? <Failed error={found.error} again={() => void found.refetch()} /> : null}
      {asked && !found.data && !found.error ? <Loading lines={8} /> : null}
      {found.data ? (
        <section className="card">
          <table className="numbers compare-numbers">
            <thead>
              <tr>
                <th scope="col">measure</th>
                {([["left", left], ["right", right]] as const).map(([name, side]) => (
                  <th key={name} scope="col">{name} <button type="button" className="link tiny" onClick={() => go("/queue", paramsOf(side))}>sessions</button></th>
                ))}
                <th scope="col">right against left</th>
              </tr>
            </thead>
            <tbody>
              {ROWS.map((row) => {
                const one = row.of(found.data.left);
                const other = row.of(found.data.right);
                const differs = change(row, one, other);
                const most = Math.max(Math.abs(one ?? 0), Math.abs(other ?? 0)) || 1;
                return (
                  <tr key={row.name}>
                    <th scope="row">{row.name}</th>
                    {[one, other].map((value, index) => (
                      <td key={index} className="num">
                        <span className="bar-cell"><span className="bar-value">{row.show(value)}</span><span className="bar-track"><span className={index === 0 ? "bar-fill bar-left" : "bar-fill bar-right"} style={{ width: `${(Math.abs(value ?? 0) / most) * 100}%` }} /></span></span>
                      </td>
                    ))}
                    <td className={`num ${differs ? `tone-${differs.tone}` : "quiet"}`}>{differs?.text ?? "–"}{differs && differs.tone !== "plain" ? <span className="tiny"> {differs.tone === "good" ? "better" : "worse"}</span> : null}</td>
                  </tr>
                );
              })}
            </tbody>
          </table>
        </section>
      ) : null}
    </div>
  );
}

function Conditions({ side }: { side: SideName }) {
  const { query } = usePlace();
  const facets = useFacets().data;
  const field = (name: string, label: string, options: readonly string[] = [], type = "text") => (
    <label className="field">
      <span>{label}</span>
      <input
        type={type}
        list={options.length ? `${side}-${name}` : undefined}
        value={query[`${side}.${name}`] ?? ""}
        onChange={(event) => goTo({ [`${side}.${name}`]: event.target.value }, true)}
      />
      {options.length ? <datalist id={`${side}-${name}`}>{options.map((one) => <option key={one} value={one} />)}</datalist> : null}
    </label>
  );
  return (
    <fieldset className="card side">
      <legend className="caps">{side}</legend>
      <div className="form-grid form-three">
        {field("agent", "Agent", facets?.agents)}
        {field("model", "Model", facets?.models)}
        {field("tool", "Tool", facets?.tools)}
        {field("tag", "Tag", facets?.tags)}
        {field("learning_key", "Learning key", facets?.learning_keys)}
        <label className="field"><span>Review</span>
          <select value={query[`${side}.review_status`] ?? "all"} onChange={(event) => goTo({ [`${side}.review_status`]: event.target.value === "all" ? null : event.target.value }, true)}>
            {["all", "pending", "approved", "quarantined"].map((one) => <option key={one} value={one}>{one}</option>)}
          </select>
        </label>
        {field("since", "Since", [], "date")}
        {field("until", "Before", [], "date")}
      </div>
    </fieldset>
  );
}
