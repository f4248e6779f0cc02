import { useQuery } from "@tanstack/react-query";
import { api } from "../api/endpoints";
import { count } from "../base/format";
import { go } from "../base/place";
import { Chip } from "../parts/small";

/** What fails, the same failures together. A click shows the sessions. */
export function FailureTable({ days }: { days: { since?: string; until?: string } }) {
  const found = useQuery({ queryKey: ["failures", days], queryFn: () => api.failures(days) }).data;
  if (!found || found.clusters.length === 0) return null;
  return (
    <section className="card view-part" aria-label="Failures">
      <h2>Failures, by cluster</h2>
      <table className="numbers">
        <thead><tr><th scope="col">what</th><th scope="col">error</th><th scope="col">by day</th><th scope="col">times</th><th scope="col">sessions</th><th scope="col">last</th></tr></thead>
        <tbody>
          {found.clusters.map((cluster) => (
            <tr key={cluster.id}>
              <td><span className="row"><Chip>{cluster.kind}</Chip><span className="cut">{cluster.name}</span></span></td>
              <td className="failure-text"><span className="mono tone-bad">{cluster.error_type}</span> <span className="soft text">{cluster.message}</span></td>
              <td><Spark values={cluster.counts} /></td>
              <td className="num">{count(cluster.count)}</td>
              <td className="num"><button type="button" className="link" onClick={() => go("/queue", { cluster: cluster.id, review_status: "all" })}>{count(cluster.sessions)}</button></td>
              <td className="num quiet">{cluster.last_day}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Spark({ values }: { values: readonly number[] }) {
  const most = Math.max(1, ...values);
  return (
    <svg className="spark" viewBox={`0 0 ${values.length * 4} 20`} preserveAspectRatio="none" role="img" aria-label={`from ${values[0] ?? 0} to ${values.at(-1) ?? 0} a day, at most ${most}`}>
      {values.map((value, index) => (value > 0 ? <rect key={index} x={index * 4} width={3} y={20 - (value / most) * 19} height={(value / most) * 19} /> : null))}
    </svg>
  );
}
