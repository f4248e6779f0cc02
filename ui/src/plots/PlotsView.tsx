import { keepPreviousData, useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api, type PlotQuery } from "../api/endpoints";
import { useSessions } from "../api/queries";
import type { SessionQuery } from "../api/types";
import { ago, compact, count, plural, score } from "../base/format";
import { change, go, href, usePlace } from "../base/place";
import { Icon } from "../parts/Icon";
import { Empty, Failed, Loading } from "../parts/small";
import { follow } from "../shell/Header";
import { AgreementTable } from "./Agreement";
import { Chart } from "./Chart";
import { FailureTable } from "./FailureTable";
import { measuresOf, seriesOf, sessionsIn } from "./measures";
import { ThroughputChart } from "./Throughput";

const BY = [
  ["all", "everything"], ["agent", "agent"], ["model", "model"], ["tool", "tool"], ["learning_key", "learning key"], ["tag", "tag"],
] as const;
type By = (typeof BY)[number][0];

/** What a number of days back from today is, in UTC. */
export function dayBefore(days: number, now = Date.now()): string {
  return new Date(now - days * 86_400_000).toISOString().slice(0, 10);
}

function after(day: string): string {
  return new Date(Date.parse(`${day}T00:00:00Z`) + 86_400_000).toISOString();
}

/** How the agent does over time. Numbers come from rollups: a month of a million sessions opens at once. */
export function PlotsView() {
  const { query } = usePlace();
  const by: By = BY.find(([value]) => value === query["by"])?.[0] ?? "all";
  const since = query["since"] ?? dayBefore(29);
  const until = query["until"];
  const asked: PlotQuery = { since, ...(until ? { until } : {}), by, ...(query["name"] ? { name: query["name"] } : {}) };
  const plots = useQuery({ queryKey: ["plots", asked], queryFn: () => api.plots(asked), placeholderData: keepPreviousData, refetchInterval: 30_000 });
  const range = query["from"] && query["to"] ? ([query["from"], query["to"]] as const) : null;
  const found = plots.data;
  const measures = useMemo(() => {
    if (!found) return [];
    return measuresOf(found.by).map((measure) => ({ measure, series: seriesOf(measure, found.groups) }));
  }, [found]);
  const empty = found !== undefined && found.groups.every((group) => group.sessions.every((one) => one === 0) && group.calls.every((one) => !one));
  const days = { since, ...(until ? { until } : {}) };
  return (
    <div className="view">
      <div className="view-head">
        <h1>Plots</h1>
        <label className="row small"><span className="quiet">by</span>
          <select className="select-small" value={by} onChange={(event) => change({ by: event.target.value === "all" ? null : event.target.value, name: null })}>
            {BY.map(([value, words]) => <option key={value} value={value}>{words}</option>)}
          </select>
        </label>
        <label className="row small"><span className="quiet">since</span><input className="select-small" type="date" value={since} onChange={(event) => change({ since: event.target.value || null }, true)} /></label>
        <label className="row small"><span className="quiet">before</span><input className="select-small" type="date" value={until ?? ""} onChange={(event) => change({ until: event.target.value || null }, true)} /></label>
        <span className="row small">
          {[7, 30, 90].map((back) => (
            <button key={back} type="button" className="button button-small" aria-pressed={!until && since === dayBefore(back - 1)} onClick={() => change({ since: back === 30 ? null : dayBefore(back - 1), until: null })}>{back} days</button>
          ))}
        </span>
        {query["name"] ? <button type="button" className="condition" onClick={() => change({ name: null })}>{by}: {query["name"]}<Icon name="cross" size={11} /></button> : null}
        {found ? <span className="push tiny quiet num">{ago(found.as_of) === "now" ? "as of now" : `as of ${ago(found.as_of)} ago`}{found.behind > 0 ? `, ${plural(found.behind, "session")} not in yet` : ""}</span> : null}
      </div>
      {plots.error && !found ? <Failed error={plots.error} again={() => void plots.refetch()} /> : null}
      {!found && !plots.error ? <Loading lines={8} /> : null}
      {range && found ? <Chosen range={range} by={by} name={query["name"]} sessions={sessionsIn(found.days, found.groups, range[0], range[1])} /> : null}
      {empty ? <Empty title="Nothing was recorded in these days.">Choose others.</Empty> : null}
      {found && !empty ? (
        <div className="charts">
          {measures.map(({ measure, series }) => (
            <Chart
              key={measure.id}
              title={measure.title}
              {...(measure.about ? { about: measure.about } : {})}
              {...(measure.ceiling ? { ceiling: measure.ceiling } : {})}
              days={found.days}
              series={series}
              show={measure.show}
              range={range}
              onRange={(from, to) => change({ from, to })}
            />
          ))}
          <ThroughputChart days={days} range={range} onRange={(from, to) => change({ from, to })} />
        </div>
      ) : null}
      {found && found.groups.length > 1 ? <Groups groups={found.groups} by={by} /> : null}
      <FailureTable days={days} />
      <AgreementTable since={since} until={until} />
    </div>
  );
}

/** The groups of the plots in numbers; a click leaves only that one. */
function Groups({ groups, by }: { groups: readonly import("../api/types").PlotGroup[]; by: By }) {
  const sum = (values: readonly (number | null)[]) => values.reduce<number>((total, value) => total + (value ?? 0), 0);
  const mean = (group: import("../api/types").PlotGroup) => {
    const rewarded = sum(group.rewarded);
    return rewarded === 0 ? null : group.reward_mean.reduce<number>((total, value, index) => total + (value ?? 0) * (group.rewarded[index] ?? 0), 0) / rewarded;
  };
  const calls = by === "model" || by === "tool";
  return (
    <section className="card view-part" aria-label="Groups">
      <table className="numbers">
        <thead><tr><th scope="col">{by.replace("_", " ")}</th><th scope="col">{calls ? "calls" : "sessions"}</th><th scope="col">failed</th><th scope="col">reward</th><th scope="col">tokens in</th><th scope="col">tokens out</th></tr></thead>
        <tbody>
          {groups.map((group) => (
            <tr key={group.rest ? "\0rest" : group.name}>
              <td>{group.rest ? <span className="quiet">all others</span> : <button type="button" className="link cut" onClick={() => change({ name: group.name })}>{group.name || "(none)"}</button>}</td>
              <td className="num">{count(calls ? sum(group.calls) : sum(group.sessions))}</td>
              <td className="num">{count(calls ? sum(group.failed_calls) : sum(group.failed))}</td>
              <td className="num">{score(mean(group))}</td>
              <td className="num">{compact(sum(group.input_tokens))}</td>
              <td className="num">{compact(sum(group.output_tokens))}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

/** The sessions of the range that was brushed. */
function Chosen({ range, by, name, sessions }: { range: readonly [string, string]; by: By; name: string | undefined; sessions: number }) {
  const [first, last] = range[0] <= range[1] ? range : [range[1], range[0]];
  const query: SessionQuery = {
    since: `${first}T00:00:00.000Z`,
    until: after(last),
    ...(name && by !== "all" ? { [by]: name } : {}),
  };
  const list = useSessions(query, "newest");
  const shown = list.data?.pages[0]?.sessions.slice(0, 8) ?? [];
  const target = { ...query, review_status: "all", order: "newest" };
  return (
    <section className="card chosen view-part" aria-label="Sessions of the chosen range">
      <div className="row">
        <h2>{first === last ? first : `${first} to ${last}`}</h2>
        <span className="quiet num">{sessions > 0 ? plural(sessions, "session") : ""}</span>
        <span className="push row">
          <button type="button" className="button button-small" onClick={() => change({ since: first, until: after(last).slice(0, 10), from: null, to: null })}>Plot only this</button>
          <button type="button" className="button button-small button-main" onClick={() => go("/queue", target)}>Open in the queue</button>
          <button type="button" className="iconbutton" aria-label="Forget the range" onClick={() => change({ from: null, to: null })}><Icon name="cross" /></button>
        </span>
      </div>
      <ul className="chosen-list">
        {shown.map((item) => {
          const address = href("/queue", { ...target, s: item.id });
          return (
            <li key={item.id}>
              <a className="row" href={address} onClick={(event) => { follow(event, "/queue"); if (event.defaultPrevented) go("/queue", { ...target, s: item.id }, true); }}>
                <span className={item.status === "failed" ? "tone-bad" : "tone-good"}><Icon name={item.status === "failed" ? "cross" : "check"} size={12} /></span>
                <span className="cut grow ink">{item.task || "(no task)"}</span>
                <span className="tiny quiet">{item.agent}</span>
                <span className="tiny num quiet">{score(item.reward)}</span>
              </a>
            </li>
          );
        })}
      </ul>
      {list.error ? <Failed error={list.error} /> : null}
    </section>
  );
}
