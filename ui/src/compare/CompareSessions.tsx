import { useQuery } from "@tanstack/react-query";
import { useEffect, useState } from "react";
import { api } from "../api/endpoints";
import type { SessionComparison } from "../api/types";
import { words, type Run } from "../base/lines";
import { change, go, href, usePlace } from "../base/place";
import { Icon } from "../parts/Icon";
import { Chip, Empty, Failed, Loading } from "../parts/small";

type Section = SessionComparison["sections"][number];
type Line = Section["lines"][number];

/** Two sessions, steps or attempts, matter by matter. */
export function CompareSessions() {
  const { query } = usePlace();
  const [left, setLeft] = useState(query["left"] ?? "");
  const [right, setRight] = useState(query["right"] ?? "");
  useEffect(() => { setLeft(query["left"] ?? ""); setRight(query["right"] ?? ""); }, [query["left"], query["right"]]);
  const asked = query["left"] && query["right"] ? ([query["left"], query["right"]] as const) : null;
  const found = useQuery({
    queryKey: ["compare", "sessions", asked],
    queryFn: () => api.compareSessions(asked?.[0] ?? "", asked?.[1] ?? ""),
    enabled: asked !== null,
  });
  const hideSame = query["same"] !== "true";
  const sections = found.data?.sections ?? [];
  const shown = hideSame ? sections.filter((section) => !section.same) : sections;
  return (
    <div className="compare">
      <form className="row compare-form" onSubmit={(event) => { event.preventDefault(); change({ left: left.trim(), right: right.trim() }); }}>
        <label className="field grow"><span>Left</span><input value={left} placeholder="a session's number or id; 12@2 a step; 12@2.1 an attempt" onChange={(event) => setLeft(event.target.value)} /></label>
        <button type="button" className="iconbutton compare-swap" aria-label="Swap the sides" onClick={() => change({ left: query["right"], right: query["left"] })}>⇄</button>
        <label className="field grow"><span>Right</span><input value={right} placeholder="the other one" onChange={(event) => setRight(event.target.value)} /></label>
        <button type="submit" className="button button-main compare-go" disabled={!left.trim() || !right.trim()}>Compare</button>
      </form>
      {!asked ? <Empty title="Name two sessions.">Numbers stand at the top of each transcript.</Empty> : null}
      {found.error ? <Failed error={found.error} again={() => void found.refetch()} /> : null}
      {asked && !found.data && !found.error ? <Loading lines={8} /> : null}
      {found.data ? (
        <>
          <div className="row compare-names">
            {([found.data.left, found.data.right] as const).map((id, index) => {
              const address = { s: id, review_status: "all" };
              return (
                <a key={index} className="row grow strong" href={href("/queue", address)} onClick={(event) => { if (!event.metaKey && !event.ctrlKey) { event.preventDefault(); go("/queue", address); } }}>
                  {asked?.[index]}<Icon name="out" size={12} />
                </a>
              );
            })}
          </div>
          <label className="check small"><input type="checkbox" checked={hideSame} onChange={(event) => change({ same: event.target.checked ? null : "true" }, true)} />only what differs ({sections.filter((one) => !one.same).length} of {sections.length})</label>
          {shown.length === 0 ? <Empty title="Both say the same." /> : null}
          {shown.map((section) => <SectionView key={section.heading} section={section} />)}
        </>
      ) : null}
    </div>
  );
}

const MOST = 500;

function SectionView({ section }: { section: Section }) {
  return (
    <section className="diff compare-section" aria-label={section.heading}>
      <header className="diff-head"><h2>{section.heading}</h2>{section.same ? <Chip>the same</Chip> : null}</header>
      <div className="diff-body diff-split">{section.lines.slice(0, MOST).map((line, index) => <LineView key={index} line={line} />)}</div>
      {section.lines.length > MOST ? <p className="diff-fold quiet tiny">The first {MOST} of {section.lines.length} lines.</p> : null}
    </section>
  );
}

const KIND = { "=": "same", "|": "changed", "<": "removed", ">": "added" } as const;

function LineView({ line }: { line: Line }) {
  const both = line.mark === "|" && line.left !== null && line.right !== null ? words(line.left, line.right) : null;
  const left: readonly Run[] | null = both ? both[0] : line.left === null ? null : [{ text: line.left, changed: false }];
  const right: readonly Run[] | null = both ? both[1] : line.right === null ? null : [{ text: line.right, changed: false }];
  return (
    <div className={`diff-row compare-row diff-${KIND[line.mark]}`}>
      <div className={left ? "diff-cell diff-left text" : "diff-cell diff-none"}>{left?.map((run, index) => (run.changed ? <del key={index}>{run.text}</del> : <span key={index}>{run.text}</span>))}</div>
      <div className={right ? "diff-cell diff-right text" : "diff-cell diff-none"}>{right?.map((run, index) => (run.changed ? <ins key={index}>{run.text}</ins> : <span key={index}>{run.text}</span>))}</div>
    </div>
  );
}
