import { useVirtualizer } from "@tanstack/react-virtual";
import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { contentOf } from "../api/queries";
import type { Me, Session, Skeleton, SkeletonSpan, SpanDetail, Step } from "../api/types";
import { plural } from "../base/format";
import { useKeys } from "../base/keys";
import { change, usePlace } from "../base/place";
import { Icon } from "../parts/Icon";
import { Empty } from "../parts/small";
import { say } from "../parts/Toasts";
import type { Review } from "../verdict/useReview";
import { CorrectDialog } from "./CorrectDialog";
import { errorOf, lastAttempt, rowsOf, type Row, type StepTab } from "./rows";
import { SpanCard } from "./SpanCard";
import { Answer, AttemptDiff, Guidance, Outcome, StepHead } from "./StepRows";

interface Props {
  readonly name: string;
  readonly session: Session;
  readonly skeleton: Skeleton;
  readonly step: number | null;
  readonly review: Review;
  readonly me: Me;
  readonly onStep: (step: number) => void;
}

const OPEN_UP_TO = 60;
const HEIGHTS: Record<Row["type"], number> = { step: 92, guidance: 90, span: 34, outcome: 150, diff: 320, around: 40, answer: 140 };

/** "2.diff" or "2.1" of the URL: which attempt is shown of which step. */
function readTab(text: string | undefined): [number, StepTab] | null {
  const found = /^(-?\d+)\.(diff|\d+)$/.exec(text ?? "");
  return found ? [Number(found[1]), found[2] === "diff" ? "diff" : Number(found[2])] : null;
}

/** The steps, with their attempts and calls. */
export function StepsTab({ name, session, skeleton, step, review, me, onStep }: Props) {
  const { query } = usePlace();
  const content = contentOf(session.revision);
  const [tabs, setTabs] = useState<ReadonlyMap<number, StepTab>>(() => new Map(readTab(query["at"]) ? [readTab(query["at"]) as [number, StepTab]] : []));
  const calls = useMemo(() => skeleton.spans.filter((span) => span.kind === "llm" || span.kind === "tool"), [skeleton]);
  const few = calls.length <= OPEN_UP_TO;
  const [opened, setOpened] = useState<ReadonlyMap<string, boolean>>(() => new Map(query["span"] ? [[query["span"], true]] : []));
  const [correcting, setCorrecting] = useState<string | null>(null);
  const tabOf = useCallback((of: Step) => tabs.get(of.step_id) ?? lastAttempt(of), [tabs]);
  const rows = useMemo(() => rowsOf(session, skeleton.spans, tabOf), [session.steps, session.final_answer, session.error, skeleton, tabOf]);
  const scroll = useRef<HTMLDivElement>(null);
  const list = useVirtualizer({
    count: rows.length,
    getScrollElement: () => scroll.current,
    estimateSize: (index) => HEIGHTS[rows[index]?.type ?? "span"],
    getItemKey: (index) => rows[index]?.key ?? index,
    overscan: 6,
  });
  const isOpen = (span: SkeletonSpan) => opened.get(span.id) ?? (few && (span.kind === "llm" || span.kind === "tool" || span.status === "failed"));
  const toggle = (span: SkeletonSpan) => {
    setOpened((before) => new Map(before).set(span.id, !isOpen(span)));
    change({ span: span.id }, true);
  };
  const setTab = (of: Step, tab: StepTab) => {
    setTabs((before) => new Map(before).set(of.step_id, tab));
    change({ step: of.step_id, at: `${of.step_id}.${tab}` }, true);
  };
  const show = (index: number, align: "start" | "auto" = "start") => { if (index >= 0) list.scrollToIndex(index, { align }); };
  const moveStep = (by: number) => {
    const heads = rows.flatMap((row) => (row.type === "step" ? [row.step.step_id] : []));
    const at = step === null ? -1 : heads.indexOf(step);
    const next = heads[Math.max(0, Math.min(heads.length - 1, at + by))];
    if (next === undefined) return;
    onStep(next);
    show(rows.findIndex((row) => row.type === "step" && row.step.step_id === next));
  };
  const moveSpan = (by: number) => {
    const shown = rows.flatMap((row, index) => (row.type === "span" ? [{ id: row.span.id, index, step: row.step }] : []));
    const at = shown.findIndex((one) => one.id === query["span"]);
    const next = shown[at < 0 ? 0 : Math.max(0, Math.min(shown.length - 1, at + by))];
    if (!next) return;
    change({ span: next.id, ...(next.step === null ? {} : { step: next.step }) }, true);
    show(next.index, "auto");
  };
  const diff = () => {
    const able = session.steps.filter((one) => one.attempts.length > 1);
    const of = able.find((one) => one.step_id === step) ?? able[0];
    if (!of) return say("No step of this session was tried twice.");
    setTab(of, tabOf(of) === "diff" ? lastAttempt(of) : "diff");
    window.setTimeout(() => show(rows.findIndex((row) => row.type === "step" && row.step.step_id === of.step_id)));
  };
  /** The model call that keys act on: the chosen one, else the last of the step, else of the session. */
  const target = (): SkeletonSpan | undefined => {
    const models = skeleton.spans.filter((span) => span.kind === "llm");
    const own = models.filter((span) => span.actor === null || span.actor === "student");
    return (
      models.find((span) => span.id === query["span"]) ?? own.filter((span) => span.step === step && step !== null).at(-1) ?? own.at(-1) ?? models.at(-1)
    );
  };
  const mayWrite = me.role !== "view";
  const excludedBy = (span: string) => session.review.excluded.find((one) => one.span === span);
  const correctionOf = (span: string) => session.review.corrections.find((one) => one.span === span)?.text ?? null;
  const exclude = (span: string) => {
    const out = excludedBy(span) !== undefined;
    void review.decide([{ kind: out ? "include" : "exclude", span, text: "" }], out ? "Taken back into training" : "Kept out of training");
  };
  const onTarget = (act: (span: string) => void) => {
    const span = target();
    if (!mayWrite) return;
    if (span) act(span.id);
    else say("This session has no model call.");
  };
  const openAll = () => {
    const open = !calls.every((span) => isOpen(span));
    setOpened(new Map(skeleton.spans.map((span) => [span.id, open])));
  };

  useEffect(() => {
    const at = query["span"] ? rows.findIndex((row) => row.type === "span" && row.span.id === query["span"]) : -1;
    if (at >= 0) show(at);
    else if (query["step"]) show(rows.findIndex((row) => row.type === "step" && row.step.step_id === step));
    // Where the URL points, once: from then on the reader scrolls.
  }, []);

  useKeys([
    { keys: "n", does: "Next step", group: "Transcript", run: () => moveStep(1) },
    { keys: "p", does: "Previous step", group: "Transcript", run: () => moveStep(-1) },
    { keys: "]", does: "Next call", group: "Transcript", run: () => moveSpan(1) },
    { keys: "[", does: "Previous call", group: "Transcript", run: () => moveSpan(-1) },
    { keys: "d", does: "Diff between attempts", group: "Transcript", run: diff },
    { keys: "o", does: "Open or close all calls", group: "Transcript", run: openAll },
    { keys: "c", does: "Correct an answer", group: "Transcript", run: () => onTarget(setCorrecting) },
    { keys: "x", does: "Exclude a call from training", group: "Transcript", run: () => onTarget(exclude) },
  ]);

  const actions = (detail: SpanDetail) =>
    detail.call && mayWrite ? (
      <>
        <button type="button" className="button button-small" onClick={() => setCorrecting(detail.id)}><Icon name="edit" />Correct</button>
        <button type="button" className="button button-small" aria-pressed={excludedBy(detail.id) !== undefined} onClick={() => exclude(detail.id)}>
          <Icon name="stop" />{excludedBy(detail.id) ? "Take back into training" : "Exclude"}
        </button>
      </>
    ) : null;

  const view = (row: Row) => {
    switch (row.type) {
      case "step":
        return <StepHead step={row.step} tab={row.tab} chosen={row.step.step_id === step} onTab={(tab) => setTab(row.step, tab)} onChoose={() => onStep(row.step.step_id)} />;
      case "guidance":
        return <Guidance notes={row.notes} label={row.led ? "Guidance that led to this attempt" : "Guidance"} />;
      case "span":
        return (
          <SpanCard
            session={name}
            content={content}
            span={row.span}
            depth={row.depth}
            open={isOpen(row.span)}
            chosen={row.span.id === query["span"]}
            excluded={excludedBy(row.span.id) !== undefined}
            correction={correctionOf(row.span.id)}
            onToggle={() => toggle(row.span)}
            actions={actions}
          />
        );
      case "outcome":
        return <Outcome attempt={row.attempt} />;
      case "diff":
        return <AttemptDiff step={row.step} />;
      case "around":
        return row.alone ? null : <p className="around small quiet">{plural(row.spans, "span")} outside the steps</p>;
      case "answer":
        return <Answer session={session} error={errorOf(session, skeleton.spans)} />;
    }
  };

  if (rows.length === 0) return <Empty title="Nothing has been recorded of this session yet." />;
  return (
    <div ref={scroll} className="steps-scroll" tabIndex={0} role="region" aria-label="Steps">
      <div style={{ height: list.getTotalSize(), position: "relative" }}>
        {list.getVirtualItems().map((item) => {
          const row = rows[item.index];
          return row ? (
            <div key={item.key} ref={list.measureElement} data-index={item.index} className={`block block-${row.type}`} style={{ position: "absolute", top: 0, left: 0, right: 0, transform: `translateY(${item.start}px)` }}>
              {view(row)}
            </div>
          ) : null;
        })}
      </div>
      {correcting ? <CorrectDialog session={name} content={content} span={correcting} previous={correctionOf(correcting)} review={review} onClose={() => setCorrecting(null)} /> : null}
    </div>
  );
}
