import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import type { Session, SkeletonSpan } from "../api/types";
import { count, duration } from "../base/format";
import { change, usePlace } from "../base/place";
import { Empty } from "../parts/small";
import { KIND_WORDS } from "./SpanCard";
import { SpanDrawer } from "./SpanDrawer";
import { concurrency, endOf, ticks } from "./timeline";

const HEIGHT = 24;
const BUCKETS = 160;

/** When each span ran: one bar each, above them how many calls ran at once. Drag over that to look closer. */
export function TimelineTab({ name, session, spans }: { name: string; session: Session; spans: readonly SkeletonSpan[] }) {
  const { query } = usePlace();
  const end = useMemo(() => endOf(spans), [spans]);
  const [range, setRange] = useState<readonly [number, number] | null>(null);
  const [from, to] = range ?? [0, end];
  const shown = useMemo(
    () => (range ? spans.filter((span) => span.start_ms <= to && span.start_ms + (span.duration_ms ?? end) >= from) : spans),
    [spans, range, from, to, end],
  );
  const scroll = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({ count: shown.length, getScrollElement: () => scroll.current, estimateSize: () => HEIGHT, overscan: 12 });
  const chosen = spans.find((span) => span.id === query["span"]);
  const at = (time: number) => `${((time - from) / (to - from || 1)) * 100}%`;
  const axis = ticks(from, to);
  if (spans.length === 0) return <Empty title="No span has been recorded." />;
  return (
    <div className="split">
      <div className="timeline-top">
        <Overview spans={spans} end={end} range={range} onRange={setRange} />
        <div className="row small quiet">
          <span className="num">{count(shown.length)} spans, {duration(to - from)}</span>
          {range ? <button type="button" className="link small" onClick={() => setRange(null)}>Show all of it</button> : <span className="tiny">drag over the graph to look closer</span>}
        </div>
        <div className="timeline-axis num tiny quiet" aria-hidden="true">
          {axis.map((time) => <span key={time} style={{ left: at(time) }}>{duration(time)}</span>)}
        </div>
      </div>
      <div ref={scroll} className="timeline" tabIndex={0} role="region" aria-label="Spans over time">
        <div style={{ height: list.getTotalSize(), position: "relative" }}>
          {list.getVirtualItems().map((item) => {
            const span = shown[item.index];
            if (!span) return null;
            const stop = span.duration_ms === null ? to : span.start_ms + span.duration_ms;
            return (
              <button
                key={span.id}
                type="button"
                className={span.id === query["span"] ? "timeline-row timeline-chosen" : "timeline-row"}
                style={{ position: "absolute", top: 0, left: 0, right: 0, height: HEIGHT, transform: `translateY(${item.start}px)` }}
                onClick={() => change({ span: span.id }, true)}
              >
                <span className="timeline-name cut"><span className={`dot kind-${span.kind}`} />{span.name}</span>
                <span className="timeline-track">
                  <span
                    className={`timeline-bar bar-${span.kind}${span.status === "failed" ? " bar-failed" : ""}`}
                    style={{ left: at(Math.max(from, span.start_ms)), width: `max(2px, ${((Math.min(stop, to) - Math.max(from, span.start_ms)) / (to - from || 1)) * 100}%)` }}
                  />
                </span>
                <span className="timeline-time num tiny quiet">{span.duration_ms === null ? "…" : duration(span.duration_ms)}</span>
                <span className="unseen">{`${KIND_WORDS[span.kind]}, from ${duration(span.start_ms)}${span.duration_ms === null ? ", running" : ""}${span.status === "failed" ? ", failed" : ""}`}</span>
              </button>
            );
          })}
        </div>
      </div>
      {chosen ? <SpanDrawer key={chosen.id} name={name} session={session} span={chosen} /> : null}
    </div>
  );
}

interface OverviewProps {
  readonly spans: readonly SkeletonSpan[];
  readonly end: number;
  readonly range: readonly [number, number] | null;
  readonly onRange: (range: readonly [number, number] | null) => void;
}

/** How many calls ran at once, over all of the session. */
function Overview({ spans, end, range, onRange }: OverviewProps) {
  const counts = useMemo(() => concurrency(spans, 0, end, BUCKETS), [spans, end]);
  const most = Math.max(1, ...counts);
  const box = useRef<SVGSVGElement>(null);
  const [drag, setDrag] = useState<readonly [number, number] | null>(null);
  const timeOf = (x: number) => {
    const rect = box.current?.getBoundingClientRect();
    return rect ? Math.max(0, Math.min(1, (x - rect.left) / rect.width)) * end : 0;
  };
  const [left, right] = drag ? [Math.min(...drag), Math.max(...drag)] : (range ?? [0, 0]);
  return (
    <figure className="overview">
      <svg
        ref={box}
        viewBox={`0 0 ${BUCKETS} 40`}
        preserveAspectRatio="none"
        role="img"
        aria-label={`Up to ${most} calls at once`}
        onPointerDown={(event) => { event.currentTarget.setPointerCapture(event.pointerId); setDrag([timeOf(event.clientX), timeOf(event.clientX)]); }}
        onPointerMove={(event) => { if (drag) setDrag([drag[0], timeOf(event.clientX)]); }}
        onPointerUp={() => {
          if (drag && right - left > end / 200) onRange([left, right]);
          setDrag(null);
        }}
      >
        {counts.map((value, index) => (value > 0 ? <rect key={index} className="overview-bar" x={index} width={1} y={40 - (value / most) * 36} height={(value / most) * 36} /> : null))}
        {right > left ? <rect className="overview-range" x={(left / end) * BUCKETS} width={((right - left) / end) * BUCKETS} y={0} height={40} /> : null}
      </svg>
      <figcaption className="tiny quiet num">up to {most} at once</figcaption>
    </figure>
  );
}
