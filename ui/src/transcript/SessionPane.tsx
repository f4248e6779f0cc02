import { useEffect, useRef, useState } from "react";
import { contentOf, useSkeleton } from "../api/queries";
import type { Me, Session } from "../api/types";
import { compact, count, dollars, duration, moment, score } from "../base/format";
import { useKeys } from "../base/keys";
import { change, go, href, usePlace } from "../base/place";
import { Icon } from "../parts/Icon";
import { Chip, Copy, Failed, Figure, Loading } from "../parts/small";
import { Tabs } from "../parts/Tabs";
import { follow } from "../shell/Header";
import type { Review } from "../verdict/useReview";
import { LinesTab } from "./LinesTab";
import { RawTab } from "./RawTab";
import { StepsTab } from "./StepsTab";
import { TimelineTab } from "./TimelineTab";
import { TreeTab } from "./TreeTab";

interface Props {
  readonly name: string;
  readonly session: Session;
  readonly step: number | null;
  readonly review: Review;
  readonly me: Me;
  readonly onStep: (step: number) => void;
}

const TABS = [
  { id: "steps", label: "Steps" },
  { id: "tree", label: "Tree" },
  { id: "timeline", label: "Timeline" },
  { id: "raw", label: "Raw record" },
  { id: "lines", label: "Training lines" },
] as const;
type TabId = (typeof TABS)[number]["id"];

/** A session's transcript, and its other views behind tabs. */
export function SessionPane({ name, session, step, review, me, onStep }: Props) {
  const { query } = usePlace();
  const chosen: TabId = TABS.find((tab) => tab.id === query["tab"])?.id ?? "steps";
  const content = contentOf(session.revision);
  const skeleton = useSkeleton(name, content);
  const choose = (tab: TabId) => change({ tab: tab === "steps" ? null : tab }, true);
  const turn = (by: number) => {
    const at = TABS.findIndex((tab) => tab.id === chosen);
    const next = TABS[(at + by + TABS.length) % TABS.length];
    if (next) choose(next.id);
  };
  useKeys([
    { keys: "v", does: "Next tab: tree, timeline, raw, lines", group: "Transcript", run: () => turn(1) },
    { keys: "V", does: "Previous tab", group: "Transcript", run: () => turn(-1) },
  ]);
  const waiting = skeleton.error ? <Failed error={skeleton.error} again={() => void skeleton.refetch()} /> : <Loading lines={6} />;
  return (
    <section className="pane" aria-label="Transcript">
      <Head session={session} />
      <Tabs tabs={TABS} chosen={chosen} onChoose={choose} label="Views of the session" className="pane-tabs">
        {chosen === "steps" ? (
          skeleton.data ? <StepsTab name={name} session={session} skeleton={skeleton.data} step={step} review={review} me={me} onStep={onStep} /> : waiting
        ) : chosen === "tree" ? (
          skeleton.data ? <TreeTab name={name} session={session} spans={skeleton.data.spans} /> : waiting
        ) : chosen === "timeline" ? (
          skeleton.data ? <TimelineTab name={name} session={session} spans={skeleton.data.spans} /> : waiting
        ) : chosen === "raw" ? (
          <RawTab name={name} content={content} />
        ) : (
          <LinesTab name={name} session={session} />
        )}
      </Tabs>
    </section>
  );
}

/** What the session was about, and how it went, in numbers. */
function Head({ session }: { session: Session }) {
  const item = session.item;
  const [whole, setWhole] = useState(false);
  const [long, setLong] = useState(false);
  const task = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    const box = task.current;
    if (box) setLong(box.scrollHeight > box.clientHeight + 2);
  }, [session.task]);
  const tone = item.status === "failed" ? "bad" : item.status === "running" ? "info" : "good";
  return (
    <header className="pane-head">
      <div className="row wrap pane-ids">
        <Chip tone={tone}>{item.status === "running" ? <span className="pulse" aria-hidden="true" /> : null}{item.status}</Chip>
        {item.agent ? <span className="small strong cut">{item.agent}</span> : null}
        {item.models.slice(0, 3).map((model) => <span key={model} className="small quiet mono cut">{model}</span>)}
        {session.plan_mode ? <span className="small quiet">{session.plan_mode.replaceAll("_", " ")}</span> : null}
        {item.content ? null : <Chip tone="warn" title="The program recorded no content: capture_content is off.">content not captured</Chip>}
        <span className="row push small">
          <Copy text={String(item.id)} label="session number"><span className="num">#{item.id}</span></Copy>
          {item.key ? <Copy text={item.key} label="session id"><span className="mono tiny cut key">{item.key}</span></Copy> : null}
          <a href={href("/compare", { left: item.id })} onClick={(event) => { follow(event, "/compare"); if (event.defaultPrevented) go("/compare", { left: item.id }, true); }}>Compare</a>
          {session.links.jaeger ? <a className="row" href={session.links.jaeger} target="_blank" rel="noreferrer">Jaeger<Icon name="out" size={12} /></a> : null}
        </span>
      </div>
      <h2 ref={task} className={whole ? "pane-task text" : "pane-task pane-task-cut text"}>{session.task || (item.content ? "(no task)" : "(content not captured)")}</h2>
      {long || whole ? <button type="button" className="link small" aria-expanded={whole} onClick={() => setWhole(!whole)}>{whole ? "Show less" : "Show all of the task"}</button> : null}
      {session.projection_error ? <p className="error-line text">Its rows could not be computed: {session.projection_error}</p> : null}
      {item.reasons.length > 0 ? (
        <ul className="why">{item.reasons.map((reason) => <li key={reason.code} className="small text"><Icon name="flag" size={12} />{reason.detail}</li>)}</ul>
      ) : null}
      <dl className="figures">
        <Figure name="reward" value={score(item.reward)} {...(item.reward !== null ? { tone: item.reward >= 0.7 ? "good" as const : item.reward >= 0.4 ? "warn" as const : "bad" as const } : {})} title={item.reward_spread !== null ? `judges' samples spread by ${item.reward_spread}` : ""} />
        <Figure name="steps" value={count(item.steps)} />
        <Figure name="attempts" value={count(item.attempts)} {...(item.rejected > 0 ? { tone: "warn" as const, title: `${item.rejected} rejected` } : {})} />
        <Figure name="failures" value={count(item.failures)} {...(item.failures > 0 ? { tone: "bad" as const } : {})} />
        <Figure name="tokens in" value={compact(item.input_tokens)} />
        <Figure name="tokens out" value={compact(item.output_tokens)} />
        <Figure name="cost" value={dollars(item.cost_usd)} />
        <Figure name="took" value={item.seconds === null ? "–" : duration(item.seconds * 1000)} />
        <Figure name="began" value={moment(item.created_at).slice(5, 16)} title={moment(item.created_at)} />
      </dl>
    </header>
  );
}
