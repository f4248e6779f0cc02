import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/endpoints";
import { count, percent, score } from "../base/format";

/** How far reviewers agree, on verdicts and on each criterion: Fleiss' kappa over all, Cohen's of each pair. */
export function AgreementTable({ since, until }: { since: string; until: string | undefined }) {
  const query = { since: `${since}T00:00:00.000Z`, ...(until ? { until: `${until}T00:00:00.000Z` } : {}) };
  const found = useQuery({ queryKey: ["agreement", query], queryFn: () => api.agreement(query) }).data;
  const [open, setOpen] = useState<string | null>(null);
  const rated = found?.criteria.filter((one) => one.subjects > 0) ?? [];
  if (rated.length === 0) return null;
  return (
    <section className="card view-part" aria-label="Agreement">
      <h2>Agreement between reviewers</h2>
      <table className="numbers">
        <thead><tr><th scope="col">criterion</th><th scope="col">rated by two or more</th><th scope="col">reviewers</th><th scope="col">same rating</th><th scope="col">Fleiss' κ</th><th scope="col">Cohen's κ</th></tr></thead>
        <tbody>
          {rated.map((one) => (
            <tr key={`${one.per}/${one.criterion}`}>
              <td>{one.criterion} <span className="tiny quiet">a {one.per}</span></td>
              <td className="num">{count(one.subjects)}</td>
              <td className="num">{count(one.reviewers)}</td>
              <td className="num">{percent(one.agreement)}</td>
              <td className="num">{score(one.fleiss)}</td>
              <td>
                {open === one.criterion ? (
                  <ul>{one.cohen.map((pair) => <li key={`${pair.a}/${pair.b}`} className="small num">{pair.a} and {pair.b}: {score(pair.kappa)} <span className="quiet">({count(pair.sessions)})</span></li>)}</ul>
                ) : <button type="button" className="link small" onClick={() => setOpen(one.criterion)}>{one.cohen.length} {one.cohen.length === 1 ? "pair" : "pairs"}</button>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
