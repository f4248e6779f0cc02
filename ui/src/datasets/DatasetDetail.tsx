import { useQuery } from "@tanstack/react-query";
import { api } from "../api/endpoints";
import { bytes, count, score } from "../base/format";
import { go, href } from "../base/place";
import type { Json } from "../parts/json";
import { Chip, Copy, Failed, Figure, Loading } from "../parts/small";
import { Value } from "../parts/Value";

/** One dataset: its counts, splits, files, what was left out and why, and where its rows come from. */
export function DatasetDetail({ name }: { name: string }) {
  const found = useQuery({ queryKey: ["dataset", name], queryFn: () => api.dataset(name) });
  if (found.error && !found.data) return <div className="view"><Failed error={found.error} again={() => void found.refetch()} /></div>;
  if (!found.data) return <div className="view"><Loading lines={8} /></div>;
  const { item, files, lineage, counts, left_out: leftOut, splits } = found.data;
  const total = splits.reduce((sum, split) => sum + split.count, 0) || 1;
  return (
    <section className="view" aria-label={`Dataset ${name}`}>
      <div className="view-head">
        <h2 className="set-title cut">{item.title || item.name}</h2><Chip tone="accent">{item.format}</Chip>
        <span className="push row small"><Copy text={item.content_hash} label="content hash"><span className="mono tiny">{item.content_hash.slice(0, 16)}</span></Copy>
          <a className="button button-small" href={href("/compare", { kind: "datasets", left: name })} onClick={(event) => { event.preventDefault(); go("/compare", { kind: "datasets", left: name }); }}>Compare</a>
        </span>
      </div>
      <dl className="figures">
        <Figure name="sessions" value={count(item.sessions)} /><Figure name="rows" value={count(item.rows)} /><Figure name="size" value={bytes(item.bytes)} />
        <Figure name="database" value={<span className="mono small">{found.data.database}</span>} /><Figure name="writer" value={<span className="small">{found.data.writer}</span>} />
      </dl>
      <section className="card view-part" aria-label="Splits">
        <h3>Splits</h3>
        <div className="split-bar" aria-hidden="true">{splits.map((split, index) => <span key={split.name} className={`split-${index % 4}`} style={{ width: `${(split.count / total) * 100}%` }} />)}</div>
        <ul className="row wrap small num">{splits.map((split, index) => <li key={split.name} className="row"><span className={`split-key split-${index % 4}`} />{split.name}<span className="strong">{count(split.count)}</span></li>)}</ul>
      </section>
      <div className="pair view-part">
        <section className="card" aria-label="Counts"><h3>Counts</h3><Counts rows={counts} /></section>
        <section className="card" aria-label="Left out"><h3>Left out, and why</h3>{leftOut.length ? <Counts rows={leftOut} /> : <p className="quiet small">Nothing was left out.</p>}</section>
      </div>
      <div className="pair view-part">
        <section className="card" aria-label="Selection"><h3>Selection</h3><Value value={found.data.selection as Json} /></section>
        <section className="card" aria-label="Options"><h3>Options</h3><Value value={found.data.options as Json} /></section>
      </div>
      <section className="card view-part" aria-label="Files">
        <h3>Files</h3>
        <table className="numbers"><thead><tr><th scope="col">path</th><th scope="col">split</th><th scope="col">rows</th><th scope="col">size</th><th scope="col">sha-256</th></tr></thead>
          <tbody>{files.map((file) => <tr key={file.path}><td className="mono">{file.path}</td><td>{file.split}</td><td className="num">{count(file.rows)}</td><td className="num">{bytes(file.bytes)}</td><td className="mono tiny quiet">{file.sha256.slice(0, 16)}</td></tr>)}</tbody>
        </table>
      </section>
      <section className="card view-part" aria-label="Lineage">
        <h3>Where rows come from <span className="small quiet">the first {count(lineage.length)}</span></h3>
        <table className="numbers"><thead><tr><th scope="col">session</th><th scope="col">split</th><th scope="col">spans</th><th scope="col">reward</th></tr></thead>
          <tbody>
            {lineage.map((row, index) => {
              const target = { s: row.session_id, review_status: "all", ...(row.spans[0] ? { span: row.spans[0] } : {}) };
              return (
                <tr key={index}>
                  <td><a href={href("/queue", target)} onClick={(event) => { event.preventDefault(); go("/queue", target); }}>#{row.session_id}</a></td>
                  <td>{row.split}</td>
                  <td className="mono tiny cut">{row.spans.slice(0, 3).join(", ")}{row.spans.length > 3 ? `, +${row.spans.length - 3}` : ""}</td>
                  <td className="num">{score(row.reward)}</td>
                </tr>
              );
            })}
          </tbody>
        </table>
      </section>
    </section>
  );
}

function Counts({ rows }: { rows: readonly { readonly name: string; readonly count: number }[] }) {
  return <dl className="counts">{rows.map((row) => <div key={row.name}><dt className="text">{row.name}</dt><dd className="num strong">{count(row.count)}</dd></div>)}</dl>;
}
