import { change, usePlace } from "../base/place";
import { Tabs } from "../parts/Tabs";
import { CompareDatasets } from "./CompareDatasets";
import { CompareGroups } from "./CompareGroups";
import { CompareSessions } from "./CompareSessions";

const KINDS = [
  { id: "sessions", label: "Sessions" },
  { id: "groups", label: "Groups" },
  { id: "datasets", label: "Datasets" },
] as const;

/** Two of a kind, side by side. */
export function CompareView() {
  const { query } = usePlace();
  const kind = KINDS.find((one) => one.id === query["kind"])?.id ?? "sessions";
  return (
    <div className="view view-tabs">
      <div className="view-head"><h1>Compare</h1></div>
      <Tabs tabs={KINDS} chosen={kind} onChoose={(id) => change({ kind: id === "sessions" ? null : id })} label="What to compare">
        {kind === "sessions" ? <CompareSessions /> : kind === "groups" ? <CompareGroups /> : <CompareDatasets />}
      </Tabs>
    </div>
  );
}
