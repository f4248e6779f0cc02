import { useEffect, useRef, useState } from "react";
import type { Me, ReviewEvent, Session, Setup } from "../api/types";
import { ago, moment } from "../base/format";
import { useKeys } from "../base/keys";
import { useKept } from "../base/storage";
import { Icon } from "../parts/Icon";
import { Chip, Kbd } from "../parts/small";
import { say } from "../parts/Toasts";
import { Assignment } from "./Assignment";
import { Criteria, rowsOf, type Row } from "./Criteria";
import { actionsOf, EMPTY, isEmpty, keyOf, scoreOfKey, type Draft } from "./draft";
import { History } from "./History";
import { Tags } from "./Tags";
import type { Review } from "./useReview";

interface Props {
  readonly session: Session;
  readonly setup: Setup;
  readonly me: Me;
  readonly step: number | null;
  readonly review: Review;
  /** Somebody else looks at the session. */
  readonly takenBy: string | null;
  readonly onNext: () => void;
}

const VERDICTS = [
  { verdict: "approved", name: "Approve", key: "a", icon: "check", tone: "good" },
  { verdict: "quarantined", name: "Quarantine", key: "q", icon: "stop", tone: "bad" },
] as const;

const SAID = { approved: "Approved", quarantined: "Quarantined", pending: "Waits again" } as const;

/** What the reviewer says of the session: verdict, rubric, note, tags; and what was said before. */
export function VerdictPanel({ session, setup, me, step, review, takenBy, onNext }: Props) {
  const state = session.review;
  const name = `draft/${setup.database}/${session.item.id}`;
  const [draft, setDraft] = useKept<Draft>(name, EMPTY);
  const [active, setActive] = useState(0);
  const note = useRef<HTMLTextAreaElement>(null);
  const tag = useRef<HTMLInputElement>(null);
  const rows = rowsOf(setup.rubric.criteria, step);
  const mayWrite = me.role !== "view";
  const latest = useRef(draft);
  latest.current = draft;

  const alter = (changes: Partial<Draft>) => {
    if (!mayWrite) return;
    latest.current = { ...latest.current, ...changes };
    setDraft(latest.current);
  };
  const choose = (verdict: Draft["verdict"]) => alter({ verdict: latest.current.verdict === verdict ? null : verdict });
  const give = (row: Row, score: number) => alter({ scores: { ...latest.current.scores, [keyOf(row.criterion.name, row.step)]: score } });
  const save = async (): Promise<boolean> => {
    const actions = actionsOf(latest.current);
    if (actions.length === 0) return true;
    const done = await review.decide(actions, latest.current.verdict ? `${SAID[latest.current.verdict]} session ${session.item.id}` : "Saved");
    if (done) setDraft(EMPTY);
    return done;
  };
  const saveAndNext = async () => {
    if (document.activeElement instanceof HTMLElement) document.activeElement.blur();
    if (await save()) onNext();
  };
  const move = (by: number) => setActive((now) => Math.max(0, Math.min(rows.length - 1, now + by)));
  const undo = (event: ReviewEvent) => void review.decide([{ kind: "undo", event: event.id }], "Undone");
  const undoLast = () => {
    const last = [...state.events].reverse().find((event) => event.by === me.user && !event.undone && event.kind !== "undo");
    if (last) undo(last);
    else say("There is nothing of yours to undo on this session.");
  };

  useEffect(() => setActive((now) => Math.min(now, Math.max(0, rows.length - 1))), [rows.length]);
  useKeys([
    ...VERDICTS.map((one) => ({ keys: one.key, does: one.name, group: "Verdict", run: () => choose(one.verdict) })),
    { keys: "w", does: "Let it wait again", group: "Verdict", run: () => choose("pending") },
    { keys: "e", does: "Write a note", group: "Verdict", run: () => note.current?.focus() },
    { keys: "#", does: "Add a tag", group: "Verdict", run: () => tag.current?.focus() },
    { keys: "ArrowDown", does: "Next criterion", group: "Verdict", run: () => move(1) },
    { keys: "ArrowUp", does: "Previous criterion", group: "Verdict", run: () => move(-1) },
    ...Array.from({ length: 9 }, (_, index) => ({
      keys: String(index + 1),
      does: "Score on the criterion",
      shown: index === 0 ? "1 … 9" : null,
      group: "Verdict",
      run: () => {
        const row = rows[active];
        const score = row ? scoreOfKey(row.criterion, index + 1) : null;
        if (row && score !== null) give(row, score);
      },
    })),
    { keys: "u", does: "Undo what I said last", group: "Verdict", run: undoLast },
    { keys: "mod+Enter", does: "Done, and next", group: "Verdict", typing: true, run: () => void saveAndNext() },
  ]);

  return (
    <aside className="verdict" aria-label="Verdict">
      <div className="verdict-scroll">
        <StateOfReview session={session} takenBy={takenBy} />
        <Changed review={review} hasDraft={!isEmpty(draft)} />
        <section className="verdict-choice" aria-label="Choose a verdict">
          {VERDICTS.map((one) => (
            <button key={one.verdict} type="button" className={`choice choice-${one.tone}`} aria-pressed={draft.verdict === one.verdict} disabled={!mayWrite} onClick={() => choose(one.verdict)}>
              <Icon name={one.icon} size={16} /><span>{one.name}</span><Kbd>{one.key}</Kbd>
            </button>
          ))}
        </section>
        {draft.verdict === "pending" ? <p className="small"><Chip tone="warn">It will wait again</Chip></p> : null}
        {rows.length > 0 ? (
          <section aria-label="Rubric">
            <Criteria rows={rows} active={active} onActive={setActive} draft={draft} review={state} me={me.user} disabled={!mayWrite} onScore={give} />
          </section>
        ) : null}
        <section className="col" aria-label="Notes and tags">
          <label className="field">
            <span className="row"><span>Note</span><Kbd>e</Kbd>{draft.note ? <span className="unsaved">•<span className="unseen">not saved</span></span> : null}</span>
            <textarea
              ref={note}
              rows={3}
              value={draft.note}
              disabled={!mayWrite}
              placeholder="What should the next reader know?"
              onChange={(event) => alter({ note: event.target.value })}
              onKeyDown={(event) => { if (event.key === "Escape") event.currentTarget.blur(); }}
            />
          </label>
          {step !== null && session.steps.length > 1 ? (
            <label className="field">
              <span className="row"><span>Note on step {step}</span>{draft.stepNotes[step] ? <span className="unsaved">•<span className="unseen">not saved</span></span> : null}</span>
              <textarea
                rows={1}
                value={draft.stepNotes[step] ?? ""}
                disabled={!mayWrite}
                onChange={(event) => alter({ stepNotes: { ...latest.current.stepNotes, [step]: event.target.value } })}
                onKeyDown={(event) => { if (event.key === "Escape") event.currentTarget.blur(); }}
              />
            </label>
          ) : null}
          <div className="field">
            <span className="row"><span>Tags</span><Kbd>#</Kbd></span>
            <Tags saved={state.tags} draft={draft} field={tag} disabled={!mayWrite} onChange={alter} />
          </div>
          <Assignment state={state} me={me} review={review} />
        </section>
        <section aria-label="History">
          <h3 className="caps">History</h3>
          <History events={state.events} me={me} onUndo={undo} />
        </section>
      </div>
      <footer className="verdict-foot">
        {review.error ? <p className="small tone-bad text" role="alert">{review.error.message}</p> : null}
        <div className="row">
          <button type="button" className="button" disabled={!mayWrite || isEmpty(draft) || review.busy} onClick={() => void save()}>Save</button>
          <button type="button" className="button button-main grow" disabled={review.busy} onClick={() => void saveAndNext()} aria-keyshortcuts="Control+Enter Meta+Enter">
            {isEmpty(draft) ? "Next" : "Done, next"}<Kbd>{/Mac/.test(navigator.userAgent) ? "⌘↵" : "Ctrl ↵"}</Kbd>
          </button>
        </div>
      </footer>
    </aside>
  );
}

/** What all verdicts come to, and who gave them. */
function StateOfReview({ session, takenBy }: { session: Session; takenBy: string | null }) {
  const state = session.review;
  const tone = state.status === "approved" ? "good" : state.status === "quarantined" ? "bad" : "plain";
  const given = state.verdicts.filter((one) => one.verdict !== "pending");
  return (
    <section className="state" aria-label="Review status">
      <div className="row wrap">
        <Chip tone={tone}><Icon name={tone === "good" ? "check" : tone === "bad" ? "stop" : "dot"} size={12} />{state.status}</Chip>
        {state.verdicts_needed > 1 ? <span className="small soft num">{given.length} of {state.verdicts_needed} verdicts</span> : null}
        {state.tie ? <Chip tone="info">tie</Chip> : null}
      </div>
      {given.map((one) => (
        <p key={one.by} className="row small">
          <Icon name={one.verdict === "approved" ? "check" : "stop"} size={12} />
          <span className="cut">{one.by}</span><span className="soft">{one.verdict}{one.final ? ", finally" : ""}</span>
          <span className="quiet tiny push" title={moment(one.at)}>{ago(one.at)}</span>
        </p>
      ))}
      {state.changed_after_review ? (
        <div className="notice notice-warn">
          <Icon name="warning" />
          <div className="small">
            <p className="strong">It changed after it was reviewed, and waits again.</p>
            {state.changes.map((one, index) => <p key={index} className="text">{one.what}{one.at ? `, ${moment(one.at)}` : ""}</p>)}
          </div>
        </div>
      ) : null}
      {takenBy ? (
        <div className="notice notice-info"><Icon name="lock" /><p className="small">{takenBy} looks at it just now. Another one may be the better choice.</p></div>
      ) : null}
    </section>
  );
}

/** What others did since the reviewer began to look. What was typed stays. */
function Changed({ review, hasDraft }: { review: Review; hasDraft: boolean }) {
  if (!review.changed) return null;
  return (
    <div className="notice notice-warn" role="alert">
      <Icon name="warning" />
      <div className="small col">
        <p className="strong">The session changed while you looked at it.</p>
        <ul>
          {review.changed.map((one, index) => (
            <li key={index} className="text">{one.by ? `${one.by}: ` : ""}{one.what}{one.at ? ` (${ago(one.at)} ago)` : ""}</li>
          ))}
        </ul>
        {hasDraft ? <p>What you chose and typed is kept.</p> : null}
        <button type="button" className="button button-small" onClick={review.acknowledge}>Go on with it as it is now</button>
      </div>
    </div>
  );
}
