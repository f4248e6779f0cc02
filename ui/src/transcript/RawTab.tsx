import { useVirtualizer } from "@tanstack/react-virtual";
import { useMemo, useRef, useState } from "react";
import { fileOf } from "../api/endpoints";
import { useRecords } from "../api/queries";
import type { RawRecord } from "../api/types";
import { bytes, count } from "../base/format";
import { Icon } from "../parts/Icon";
import { pretty } from "../parts/json";
import { Copy, Empty, Failed, Loading } from "../parts/small";

/** The record as it is kept: every row of the contract as JSON. */
export function RawTab({ name, content }: { name: string; content: string }) {
  const found = useRecords(name, content);
  const records = useMemo(() => found.data?.pages.flatMap((page) => page.records) ?? [], [found.data]);
  const [open, setOpen] = useState<ReadonlySet<number>>(new Set([0]));
  const scroll = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({ count: records.length, getScrollElement: () => scroll.current, estimateSize: () => 34, overscan: 10 });
  const items = list.getVirtualItems();
  const last = items.at(-1)?.index ?? 0;
  if (found.hasNextPage && !found.isFetchingNextPage && last >= records.length - 20) void found.fetchNextPage();
  if (found.error && records.length === 0) return <Failed error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Loading lines={6} />;
  const total = found.data.pages[0]?.total ?? records.length;
  const toggle = (index: number) => {
    const next = new Set(open);
    if (!next.delete(index)) next.add(index);
    setOpen(next);
  };
  return (
    <div className="split">
      <div className="row tab-bar small">
        <span className="quiet num">{count(total)} records</span>
        <a className="button button-small push" href={fileOf.records(name)} download><Icon name="download" />Download all</a>
      </div>
      {records.length === 0 ? <Empty title="Nothing has been recorded." /> : null}
      <div ref={scroll} className="raw" tabIndex={0} role="region" aria-label="Raw record">
        <div style={{ height: list.getTotalSize(), position: "relative" }}>
          {items.map((item) => {
            const record = records[item.index];
            return record ? (
              <div key={item.key} ref={list.measureElement} data-index={item.index} className="raw-item" style={{ position: "absolute", top: 0, left: 0, right: 0, transform: `translateY(${item.start}px)` }}>
                <RawItem record={record} open={open.has(item.index)} onToggle={() => toggle(item.index)} />
              </div>
            ) : null;
          })}
        </div>
      </div>
    </div>
  );
}

function RawItem({ record, open, onToggle }: { record: RawRecord; open: boolean; onToggle: () => void }) {
  const text = useMemo(() => (open && record.text !== null ? pretty(record.text) : ""), [open, record.text]);
  return (
    <>
      <div className="row">
        <button type="button" className="span-head" aria-expanded={open} onClick={onToggle}>
          <Icon name={open ? "down" : "chevron"} size={12} />
          <span className="span-kind">{record.kind}</span>
          <span className="span-name cut">{record.name}</span>
          <span className="span-numbers num">{bytes(record.size)}</span>
        </button>
        {record.text !== null ? <Copy text={record.text} label="record"><span className="unseen">record</span></Copy> : null}
      </div>
      {open ? (record.text === null ? <p className="quiet small raw-text">Too large to show here: download the record.</p> : <pre className="raw-text text">{text.length > 200_000 ? `${text.slice(0, 200_000)}\n…` : text}</pre>) : null}
    </>
  );
}
