import { useEffect, useMemo, useState } from "react";
import { useQuery } from "@tanstack/react-query";
import { api } from "../api/endpoints";
import { queryClient, useMe, useSession, useSetup } from "../api/queries";
import type { Me, Session, SessionItem } from "../api/types";
import { ago, compact, duration, plural, score } from "../base/format";
import { useKeys } from "../base/keys";
import { change, go, usePlace } from "../base/place";
import { Chip, Empty, Failed, Loading } from "../parts/small";
import { SessionPane } from "../transcript/SessionPane";
import { useReview } from "../verdict/useReview";
import { merged } from "./feed";

/** Sessions as they run: they appear at the top and grow; the chosen one is read as it is written. */
export function LiveView() {
  const setup = useSetup().data;
  const me = useMe().data;
  const { query } = usePlace();
  const every = (setup?.poll_seconds ?? 2) * 1000;
  const begin = useQuery({ queryKey: ["live", "begin"], queryFn: () => api.sessions({}, "newest", undefined, 50), staleTime: 0, gcTime: 0 });
  const [items, setItems] = useState<readonly SessionItem[]>([]);
  const [running, setRunning] = useState<number | null>(null);
  const [, setNow] = useState(0);
  useEffect(() => {
    if (begin.data) setItems((before) => merged(begin.data.sessions, before));
  }, [begin.data]);
  useEffect(() => {
    let cursor: string | undefined;
    let timer: number | undefined;
    let gone = false;
    const look = async () => {
      try {
        const found = await api.changes(cursor);
        if (gone) return;
        cursor = found.cursor;
        setRunning(found.running);
        setItems((before) => merged(before, found.sessions));
        for (const item of found.sessions) {
          void queryClient.invalidateQueries({ queryKey: ["session", String(item.id)] });
        }
        if (found.more) void begin.refetch();
      } catch {
        // Away: the banner says so, and this asks on.
      }
      if (!gone) {
        setNow(Date.now());
        timer = window.setTimeout(() => void look(), every);
      }
    };
    void look();
    return () => { gone = true; window.clearTimeout(timer); };
  }, [every]);
  const live = items.filter((item) => item.status === "running");
  const over = items.filter((item) => item.status !== "running").slice(0, 50);
  const shown = useMemo(() => [...live, ...over], [items]);
  const chosen = query["s"] ?? (shown[0] ? String(shown[0].id) : undefined);
  const at = shown.findIndex((item) => String(item.id) === chosen);
  const choose = (id: number) => change({ s: id, step: null, at: null, span: null });
  const move = (by: number) => {
    const next = shown[at < 0 ? 0 : at + by];
    if (next) choose(next.id);
  };
  useKeys([
    { keys: "j", does: "Next session", group: "Sessions", run: () => move(1) },
    { keys: "k", does: "Previous session", group: "Sessions", run: () => move(-1) },
    { keys: "Enter", does: "Review it in the queue", group: "Sessions", run: () => { if (chosen) go("/queue", { s: chosen, review_status: "all" }); } },
  ]);
  return (
    <div className="columns">
      <section className="list" aria-label="Live sessions">
        <div className="filters"><div className="row"><h1 className="strong">Live</h1><span className="push row small" role="status"><span className={running ? "pulse tone-info" : "lamp"} aria-hidden="true" />{running === null ? "" : `${plural(running, "session")} running`}</span></div></div>
        <div className="list-scroll">
          {begin.error && items.length === 0 ? <Failed error={begin.error} again={() => void begin.refetch()} /> : null}
          {!begin.data && items.length === 0 && !begin.error ? <Loading lines={5} /> : null}
          {live.length > 0 ? <h2 className="caps live-part">Running</h2> : null}
          {live.map((item) => <Row key={item.id} item={item} chosen={String(item.id) === chosen} onChoose={() => choose(item.id)} />)}
          {over.length > 0 ? <h2 className="caps live-part">Over</h2> : null}
          {over.map((item) => <Row key={item.id} item={item} chosen={String(item.id) === chosen} onChoose={() => choose(item.id)} />)}
          {begin.data && shown.length === 0 ? <Empty title="No session has been recorded yet.">It appears here by itself.</Empty> : null}
        </div>
      </section>
      {chosen && me ? <Watched key={chosen} id={chosen} me={me} /> : <section className="pane pane-empty"><Empty title="Nothing runs." /></section>}
    </div>
  );
}

function Row({ item, chosen, onChoose }: { item: SessionItem; chosen: boolean; onChoose: () => void }) {
  const tokens = (item.input_tokens ?? 0) + (item.output_tokens ?? 0);
  const runs = item.status === "running";
  return (
    <button type="button" className="set-row live-row" aria-pressed={chosen} onClick={onChoose}>
      <span className="item-task text">{item.task || "(no task yet)"}</span>
      <span className="row tiny quiet num">
        {runs ? <Chip tone="info"><span className="pulse" aria-hidden="true" />running</Chip> : <Chip tone={item.status === "failed" ? "bad" : "good"}>{item.status}</Chip>}
        <span className="cut">{item.agent ?? ""}</span>
        <span>{plural(item.steps, "step")}</span>
        {tokens ? <span>{compact(tokens)} tok</span> : null}
        {item.reward !== null ? <span>{score(item.reward)}</span> : null}
        <span className="push">{runs ? duration(Math.max(0, Date.now() - Date.parse(item.created_at))) : ago(item.completed_at ?? item.created_at)}</span>
      </span>
    </button>
  );
}

function Watched({ id, me }: { id: string; me: Me }) {
  const found = useSession(id);
  if (found.data) return <Pane name={id} session={found.data} me={me} />;
  return <section className="pane pane-empty" aria-label="Transcript">{found.error ? <Failed error={found.error} again={() => void found.refetch()} /> : <Loading lines={8} />}</section>;
}

function Pane({ name, session, me }: { name: string; session: Session; me: Me }) {
  const { query } = usePlace();
  const review = useReview(session);
  const numbers = session.steps.map((step) => step.step_id);
  const asked = Number(query["step"] ?? NaN);
  return <SessionPane name={name} session={session} step={numbers.includes(asked) ? asked : (numbers.at(-1) ?? null)} review={review} me={me} onStep={(step) => change({ step }, true)} />;
}
