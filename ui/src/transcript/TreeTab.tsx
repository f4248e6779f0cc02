import { useVirtualizer } from "@tanstack/react-virtual";
import type { KeyboardEvent } from "react";
import { useMemo, useRef, useState } from "react";
import type { Session, SkeletonSpan } from "../api/types";
import { compact, count, duration } from "../base/format";
import { change, usePlace } from "../base/place";
import { Icon } from "../parts/Icon";
import { Empty } from "../parts/small";
import { KIND_WORDS } from "./SpanCard";
import { SpanDrawer } from "./SpanDrawer";
import { treeRows } from "./tree";

const HEIGHT = 28;

/** All spans as a tree. Only rows in sight are in the document: ten thousand scroll as smoothly as ten. */
export function TreeTab({ name, session, spans }: { name: string; session: Session; spans: readonly SkeletonSpan[] }) {
  const { query } = usePlace();
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const rows = useMemo(() => treeRows(spans, closed), [spans, closed]);
  const scroll = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({ count: rows.length, getScrollElement: () => scroll.current, estimateSize: () => HEIGHT, overscan: 12 });
  const at = rows.findIndex((row) => row.span.id === query["span"]);
  const chosen = rows[at]?.span;
  const choose = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    if (!row) return;
    change({ span: row.span.id }, true);
    list.scrollToIndex(Math.max(0, Math.min(rows.length - 1, index)), { align: "auto" });
  };
  const turn = (id: string, open: boolean) => {
    const next = new Set(closed);
    if (open) next.delete(id);
    else next.add(id);
    setClosed(next);
  };
  const heard = (event: KeyboardEvent) => {
    const row = rows[at];
    if (event.key === "ArrowDown") choose(at + 1);
    else if (event.key === "ArrowUp") choose(at - 1);
    else if (event.key === "Home") choose(0);
    else if (event.key === "End") choose(rows.length - 1);
    else if (event.key === "ArrowRight" && row) row.open ? choose(at + 1) : turn(row.span.id, true);
    else if (event.key === "ArrowLeft" && row) row.open && row.below > 0 ? turn(row.span.id, false) : choose(rows.findIndex((one) => one.span.id === row.span.parent));
    else return;
    event.preventDefault();
  };
  if (spans.length === 0) return <Empty title="No span has been recorded." />;
  return (
    <div className="split">
      <p className="tree-count tiny quiet num">{count(spans.length)} spans</p>
      <div ref={scroll} className="tree" role="tree" tabIndex={0} aria-label="Spans" aria-activedescendant={chosen ? `tree-${chosen.id}` : undefined} onKeyDown={heard}>
        <div role="presentation" style={{ height: list.getTotalSize(), position: "relative" }}>
          {list.getVirtualItems().map((item) => {
            const row = rows[item.index];
            if (!row) return null;
            const { span } = row;
            return (
              <div
                key={span.id}
                id={`tree-${span.id}`}
                role="treeitem"
                aria-level={row.depth + 1}
                aria-selected={item.index === at}
                aria-expanded={row.below > 0 ? row.open : undefined}
                className={span.status === "failed" ? "tree-row tree-failed" : "tree-row"}
                style={{ position: "absolute", top: 0, left: 0, right: 0, height: HEIGHT, transform: `translateY(${item.start}px)`, paddingLeft: 8 + Math.min(row.depth, 24) * 16 }}
                onClick={() => choose(item.index)}
              >
                {row.below > 0 ? (
                  <span className="tree-turn" onClick={(event) => { event.stopPropagation(); turn(span.id, !row.open); }}><Icon name={row.open ? "down" : "chevron"} size={12} /></span>
                ) : <span className="tree-turn" />}
                <span className={`span-kind kind-${span.kind}`}>{KIND_WORDS[span.kind]}</span>
                <span className="span-name cut">{span.name}</span>
                {row.open || row.below === 0 ? null : <span className="tiny quiet num">+{count(row.below)}</span>}
                <span className="span-preview cut">{span.error ?? span.preview}</span>
                <span className="span-numbers num">
                  {span.output_tokens !== null ? <span>{compact(span.output_tokens)} out</span> : null}
                  <span>{span.duration_ms === null ? "running" : duration(span.duration_ms)}</span>
                </span>
              </div>
            );
          })}
        </div>
      </div>
      {chosen ? <SpanDrawer key={chosen.id} name={name} session={session} span={chosen} /> : null}
    </div>
  );
}
