import { useQuery } from "@tanstack/react-query";
import { useMemo } from "react";
import { api } from "../api/endpoints";
import { compact, plural } from "../base/format";
import { Chart, type Series } from "./Chart";
import { COLOURS } from "./palette";

interface Props {
  readonly days: { since?: string; until?: string };
  readonly range: readonly [string, string] | null;
  readonly onRange: (first: string, last: string) => void;
}

/** How many sessions each reviewer decided a day. */
export function ThroughputChart({ days, range, onRange }: Props) {
  const found = useQuery({ queryKey: ["throughput", days], queryFn: () => api.throughput(days) }).data;
  const series = useMemo<Series[]>(
    () =>
      (found?.reviewers ?? []).slice(0, 8).map((reviewer, index) => ({
        name: reviewer.reviewer,
        values: reviewer.approved.map((value, day) => value + (reviewer.quarantined[day] ?? 0)),
        colour: COLOURS[index] ?? "--c1",
      })),
    [found],
  );
  if (!found || series.length === 0) return null;
  return <Chart title="Review" about={`verdicts a day; ${plural(found.waiting, "session")} waiting`} days={found.days} series={series} show={compact} range={range} onRange={onRange} />;
}
