import { useEffect, useRef, useState } from "react";
import uPlot from "uplot";
import { resolved } from "./palette";

export interface Series {
  readonly name: string;
  /** One value a day; null where nothing was measured. */
  readonly values: readonly (number | null)[];
  /** A custom property with its colour. */
  readonly colour: string;
  readonly dash?: boolean;
}

interface Props {
  readonly title: string;
  readonly about?: string;
  readonly days: readonly string[];
  readonly series: readonly Series[];
  readonly show: (value: number) => string;
  readonly range: readonly [string, string] | null;
  readonly onRange: (first: string, last: string) => void;
  readonly ceiling?: number;
}

const HEIGHT = 168;
const DAY = 86_400;

/** One plot over days. Drag over it to choose a range; the plots share the day under the pointer. */
export function Chart({ title, about, days, series, show, range, onRange, ceiling }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef({ onRange, days });
  latest.current = { onRange, days };
  const [theme, setTheme] = useState(0);
  const [at, setAt] = useState<number | null>(null);

  useEffect(() => {
    const again = () => setTheme((now) => now + 1);
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    window.addEventListener("atlas:theme", again);
    system.addEventListener("change", again);
    return () => {
      window.removeEventListener("atlas:theme", again);
      system.removeEventListener("change", again);
    };
  }, []);

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const times = days.map((day) => Date.parse(`${day}T00:00:00Z`) / 1000);
    const ink = resolved("--ink-3");
    const line = resolved("--line");
    const points = days.length <= 2;
    const chart = new uPlot(
      {
        width: element.clientWidth,
        height: HEIGHT,
        padding: [8, 6, 0, 0],
        tzDate: (time) => uPlot.tzDate(new Date(time * 1000), "Etc/UTC"),
        legend: { show: false },
        cursor: { sync: { key: "days" }, drag: { x: true, y: false, setScale: false }, points: { size: 6 }, y: false },
        scales: { x: { time: true }, y: { range: (_, low, high) => [Math.min(0, low ?? 0), ceiling ?? ((high ?? 0) > 0 ? (high ?? 1) * 1.08 : 1)] } },
        axes: [
          { stroke: ink, grid: { show: false }, ticks: { show: false }, font: "11px system-ui", size: 24, space: 60, values: (_, splits) => splits.map((one) => new Date(one * 1000).toLocaleDateString("en", { day: "numeric", month: "short", timeZone: "UTC" })), incrs: [DAY, 2 * DAY, 3 * DAY, 7 * DAY, 14 * DAY, 28 * DAY, 91 * DAY] },
          { stroke: ink, grid: { stroke: line, width: 1 }, ticks: { show: false }, font: "11px system-ui", size: 50, gap: 4, space: 36, values: (_, splits) => splits.map((one) => show(one)) },
        ],
        series: [
          {},
          ...series.map((one) => ({
            label: one.name,
            stroke: resolved(one.colour),
            width: 1.75,
            spanGaps: false,
            ...(one.dash ? { dash: [4, 4] } : {}),
            points: { show: points || one.values.filter((value) => value !== null).length < 3, size: 5 },
          })),
        ],
        hooks: {
          setCursor: [(self) => setAt(self.cursor.idx ?? null)],
          setSelect: [
            (self) => {
              if (self.select.width < 4) return;
              const first = self.posToIdx(self.select.left);
              const last = self.posToIdx(self.select.left + self.select.width);
              const { days: now, onRange: choose } = latest.current;
              const from = now[first];
              const to = now[last];
              if (from && to) choose(from, to);
              self.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
            },
          ],
        },
      },
      [times, ...series.map((one) => [...one.values])] as uPlot.AlignedData,
      element,
    );
    plot.current = chart;
    const resize = new ResizeObserver(() => chart.setSize({ width: element.clientWidth, height: HEIGHT }));
    resize.observe(element);
    return () => {
      resize.disconnect();
      chart.destroy();
      plot.current = null;
    };
  }, [days, series, theme, ceiling]);

  const day = at === null ? undefined : days[at];
  const index = at ?? days.length - 1;
  return (
    <figure className="card chart">
      <figcaption className="chart-head">
        <h3>{title}</h3>
        {about ? <span className="tiny quiet cut">{about}</span> : null}
        <span className="push tiny quiet num">{day ?? ""}</span>
      </figcaption>
      <div ref={box} className="chart-box" role="img" aria-label={spoken(title, days, series, show)} />
      {range ? <p className="unseen">Chosen: {range[0]} to {range[1]}</p> : null}
      <ul className="chart-legend">
        {series.map((one) => {
          const value = one.values[index] ?? (at === null ? lastOf(one.values) : null);
          return (
            <li key={one.name} className="tiny">
              <span className={one.dash ? "swatch swatch-dash" : "swatch"} style={{ borderColor: `var(${one.colour})` }} />
              <span className="cut">{one.name}</span>
              <span className="num strong">{value === null ? "–" : show(value)}</span>
            </li>
          );
        })}
      </ul>
    </figure>
  );
}

function lastOf(values: readonly (number | null)[]): number | null {
  for (let index = values.length - 1; index >= 0; index -= 1) {
    const value = values[index];
    if (value !== null && value !== undefined) return value;
  }
  return null;
}

/** The plot in words: each line's last value, lowest and highest. */
function spoken(title: string, days: readonly string[], series: readonly Series[], show: (value: number) => string): string {
  const lines = series.map((one) => {
    const known = one.values.filter((value): value is number => value !== null);
    if (known.length === 0) return `${one.name}: nothing measured`;
    return `${one.name}: last ${show(known.at(-1) ?? 0)}, from ${show(Math.min(...known))} to ${show(Math.max(...known))}`;
  });
  return `${title}, ${days[0] ?? ""} to ${days.at(-1) ?? ""}. ${lines.join(". ")}`;
}
