import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { api } from "../api/endpoints";
import { queryClient, useMe, useSetup } from "../api/queries";
import type { Build } from "../api/types";
import { bytes, compact, count, plural } from "../base/format";
import { useKeys } from "../base/keys";
import { change, usePlace } from "../base/place";
import { Icon } from "../parts/Icon";
import { Chip, Empty, Failed, Loading } from "../parts/small";
import { BuildDialog } from "./BuildDialog";
import { DatasetDetail } from "./DatasetDetail";

/** What was made for training, where its rows come from, and making more. */
export function DatasetsView() {
  const { query } = usePlace();
  const setup = useSetup().data;
  const me = useMe().data;
  const [building, setBuilding] = useState(query["build"] === "true");
  const datasets = useQuery({ queryKey: ["datasets"], queryFn: api.datasets });
  const builds = useQuery({
    queryKey: ["builds"],
    queryFn: api.builds,
    refetchInterval: (found) => (found.state.data?.builds.some((one) => one.state === "running") ? 1000 : false),
  });
  const list = datasets.data?.datasets ?? [];
  const at = list.findIndex((one) => one.name === query["name"]);
  const move = (by: number) => {
    const next = list[at < 0 ? 0 : Math.max(0, Math.min(list.length - 1, at + by))];
    if (next) change({ name: next.name });
  };
  const mayBuild = setup?.datasets === true && me !== undefined && me.role !== "view";
  useKeys([
    { keys: "j", does: "Next dataset", group: "Datasets", run: () => move(1) },
    { keys: "k", does: "Previous dataset", group: "Datasets", run: () => move(-1) },
    ...(mayBuild ? [{ keys: "b", does: "Build a dataset", group: "Datasets", run: () => setBuilding(true) }] : []),
  ]);
  return (
    <div className="columns">
      <section className="list" aria-label="Datasets">
        <div className="filters">
          <div className="row"><h1 className="strong">Datasets</h1><span className="tiny quiet mono cut push" title={datasets.data?.folder ?? ""}>{datasets.data?.folder ?? ""}</span></div>
          {mayBuild ? <button type="button" className="button button-main" onClick={() => setBuilding(true)}>Build a dataset</button> : null}
          {setup && !setup.datasets ? <p className="small quiet">The server was given no folder for datasets: none can be built here.</p> : null}
        </div>
        <div className="list-scroll">
          {builds.data?.builds.filter((one) => one.state !== "done").map((build) => <BuildRow key={build.id} build={build} />)}
          {datasets.error ? <Failed error={datasets.error} again={() => void datasets.refetch()} /> : null}
          {!datasets.data && !datasets.error ? <Loading lines={5} /> : null}
          <ul>
            {list.map((one) => (
              <li key={one.name}>
                <button type="button" className="set-row" aria-pressed={one.name === query["name"]} onClick={() => change({ name: one.name })}>
                  <span className="strong cut">{one.title || one.name}</span>
                  <span className="row small quiet num"><Chip>{one.format}</Chip>{plural(one.sessions, "session")}<span>{compact(one.rows)} rows</span><span className="push">{bytes(one.bytes)}</span></span>
                </button>
              </li>
            ))}
          </ul>
          {datasets.data && list.length === 0 ? <Empty title="No dataset has been made yet." /> : null}
        </div>
      </section>
      {query["name"] ? <DatasetDetail key={query["name"]} name={query["name"]} /> : <Empty title={list.length ? "Choose a dataset." : "Nothing to show."} />}
      {building ? (
        <BuildDialog
          onClose={() => { setBuilding(false); change({ build: null }, true); }}
          onBuilt={() => void queryClient.invalidateQueries({ queryKey: ["builds"] })}
        />
      ) : null}
      <Refresh builds={builds.data?.builds ?? []} />
    </div>
  );
}

/** Reads the list again when a build is done. */
function Refresh({ builds }: { builds: readonly Build[] }) {
  const done = builds.filter((one) => one.state === "done").length;
  useQuery({ queryKey: ["datasets", "after", done], queryFn: async () => { await queryClient.invalidateQueries({ queryKey: ["datasets"], exact: true }); return done; }, staleTime: Infinity });
  return null;
}

function BuildRow({ build }: { build: Build }) {
  return (
    <div className="build" role="status">
      <div className="row small">
        <Icon name={build.state === "failed" ? "warning" : "clock"} />
        <span className="strong cut">{build.name}</span>
        <span className={build.state === "failed" ? "push tone-bad" : "push quiet num"}>{build.state === "failed" ? "failed" : `${count(build.done)} of ${count(build.total)}`}</span>
      </div>
      {build.error ? <p className="small tone-bad text">{build.error}</p> : <progress className="progress" max={build.total || 1} value={build.done} aria-label={`Building ${build.name}`} />}
    </div>
  );
}
