import { useState } from "react";
import type { Attempt, Reward, Session, Step } from "../api/types";
import { count, score } from "../base/format";
import { DiffView } from "../parts/DiffView";
import { Icon } from "../parts/Icon";
import { pretty, type Json } from "../parts/json";
import { LongText } from "../parts/LongText";
import { Chip, ScoreBar } from "../parts/small";
import { Readable, Value } from "../parts/Value";
import { lastAttempt, type StepTab } from "./rows";

function looks(attempt: Attempt): { icon: "check" | "cross" | "dot"; tone: string; words: string } {
  if (attempt.valid === false) return { icon: "cross", tone: "bad", words: "rejected" };
  if (attempt.status === "failed") return { icon: "cross", tone: "bad", words: "failed" };
  if (attempt.valid === true) return { icon: "check", tone: "good", words: "accepted" };
  return { icon: "dot", tone: "plain", words: attempt.status };
}

interface HeadProps {
  readonly step: Step;
  readonly tab: StepTab;
  readonly chosen: boolean;
  readonly onTab: (tab: StepTab) => void;
  readonly onChoose: () => void;
}

/** A step: what it is to do, and its attempts as tabs with the diff between them. */
export function StepHead({ step, tab, chosen, onTab, onChoose }: HeadProps) {
  const [more, setMore] = useState(false);
  const params = step.tool_params !== null && typeof step.tool_params === "object" && Object.keys(step.tool_params as object).length > 0;
  return (
    <header className={chosen ? "step-head step-chosen" : "step-head"} onMouseDown={onChoose}>
      <div className="row step-title">
        <span className="step-number num">{step.step_id}</span>
        <h3 className="text grow">{step.description || "(no description)"}</h3>
        {step.tool ? <Chip><Icon name="tool" size={11} />{step.tool}</Chip> : null}
        {params ? <button type="button" className="link tiny" aria-expanded={more} onClick={() => setMore(!more)}>parameters</button> : null}
        {step.depends_on.length > 0 ? <span className="tiny quiet">after {step.depends_on.map(String).join(", ")}</span> : null}
      </div>
      {more ? <Value value={step.tool_params as Json} /> : null}
      {step.attempts.length > 0 ? (
        <div className="attempts" role="group" aria-label={`Attempts at step ${step.step_id}`}>
          {step.attempts.map((attempt) => {
            const look = looks(attempt);
            return (
              <button key={attempt.attempt} type="button" className="attempt-tab" aria-pressed={tab === attempt.attempt} onClick={() => { onChoose(); onTab(attempt.attempt); }}>
                <span className={`tone-${look.tone} row`}><Icon name={look.icon} size={12} /></span>
                <span>Attempt {attempt.attempt}</span>
                <span className={`tiny tone-${look.tone}`}>{look.words}</span>
                {attempt.reward.score !== null && !attempt.reward.missing ? <span className="num tiny soft">{score(attempt.reward.score)}</span> : null}
              </button>
            );
          })}
          {step.attempts.length > 1 ? (
            <button type="button" className="attempt-tab attempt-diff" aria-pressed={tab === "diff"} onClick={() => { onChoose(); onTab(tab === "diff" ? lastAttempt(step) : "diff"); }}>
              Diff<kbd className="kbd" aria-hidden="true">d</kbd>
            </button>
          ) : null}
        </div>
      ) : <p className="quiet small">It never ran.</p>}
    </header>
  );
}

/** What the teacher said between two attempts. */
export function Guidance({ notes, label = "Guidance" }: { notes: readonly string[]; label?: string }) {
  return (
    <section className="guidance" aria-label={label}>
      <p className="guidance-label row"><Icon name="spark" size={13} />{label}</p>
      {notes.map((note, index) => <LongText key={index} text={note} limit={1500} />)}
    </section>
  );
}

/** What an attempt gave, and what was thought of it. */
export function Outcome({ attempt }: { attempt: Attempt }) {
  const look = looks(attempt);
  const cut = attempt.output !== null && attempt.output_chars > attempt.output.length;
  return (
    <section className={`outcome outcome-${look.tone}`} aria-label={`Outcome of attempt ${attempt.attempt}`}>
      <div className="outcome-output">
        <p className="caps">Output</p>
        {attempt.error ? <p className="error-line text mono">{attempt.error}</p> : null}
        <Readable text={attempt.output} empty={attempt.error ? "none" : "nothing"} />
        {cut ? <p className="tiny quiet">The first {count(attempt.output?.length)} of {count(attempt.output_chars)} characters; its span has all of it.</p> : null}
      </div>
      <Validation attempt={attempt} />
      <RewardView reward={attempt.reward} />
    </section>
  );
}

function Validation({ attempt }: { attempt: Attempt }) {
  const [all, setAll] = useState(false);
  const said = attempt.validation;
  const whole = said !== null && typeof said === "object" && Object.keys(said as object).length > 0;
  if (attempt.valid === null && !whole) return null;
  return (
    <div className={attempt.valid === false ? "validation validation-bad" : "validation"}>
      <p className="row small">
        <Icon name={attempt.valid === false ? "cross" : "check"} size={13} />
        <span className="strong">{attempt.valid === null ? "Validation" : attempt.valid ? "Accepted" : "Rejected"}</span>
        {whole ? <button type="button" className="link tiny push" aria-expanded={all} onClick={() => setAll(!all)}>all it said</button> : null}
      </p>
      {attempt.reason ? <LongText text={attempt.reason} limit={1200} /> : null}
      {all ? <Value value={said as Json} /> : null}
    </div>
  );
}

/** A reward with its judges: their scores, why, and how far they are apart. */
export function RewardView({ reward }: { reward: Reward }) {
  const [open, setOpen] = useState(false);
  if (reward.score === null || reward.missing) return null;
  return (
    <div className="reward">
      <p className="row small">
        <span className="strong">Reward</span><ScoreBar value={reward.score} />
        {reward.judges.length > 0 ? (
          <button type="button" className="link tiny push" aria-expanded={open} onClick={() => setOpen(!open)}>{reward.judges.length} {reward.judges.length === 1 ? "judge" : "judges"}</button>
        ) : null}
      </p>
      {reward.rationale ? <LongText text={reward.rationale} className="soft" limit={800} /> : null}
      {open ? (
        <ul className="judges">
          {reward.judges.map((judge) => (
            <li key={judge.identifier}>
              <p className="row small"><span className="strong cut">{judge.identifier}</span><ScoreBar value={judge.score} label="score" />
                {judge.escalated ? <Chip tone="warn">escalated</Chip> : null}
                {judge.samples > 1 ? <span className="tiny quiet num">{judge.samples} samples{judge.spread !== null ? `, ±${score(judge.spread)}` : ""}</span> : null}
              </p>
              {judge.rationale ? <LongText text={judge.rationale} className="small soft" limit={800} /> : null}
              {judge.principles.length > 0 ? (
                <ul className="principles tiny quiet">
                  {judge.principles.map((principle) => <li key={principle.name} title={principle.description ?? undefined}>{principle.name}{principle.weight !== null ? ` ${score(principle.weight)}` : ""}</li>)}
                </ul>
              ) : null}
            </li>
          ))}
        </ul>
      ) : null}
    </div>
  );
}

/** The outputs of two attempts, with what changed between them and the guidance that led to it. */
export function AttemptDiff({ step }: { step: Step }) {
  const last = step.attempts.length - 1;
  const [[from, to], setPair] = useState<readonly [number, number]>([Math.max(0, last - 1), last]);
  const left = step.attempts[from];
  const right = step.attempts[to];
  if (!left || !right) return null;
  const pick = (label: string, value: number, onPick: (index: number) => void) => (
    <label className="row small">
      <span className="unseen">{label}</span>
      <select className="select-small" value={value} onChange={(event) => onPick(Number(event.target.value))}>
        {step.attempts.map((attempt, index) => <option key={attempt.attempt} value={index}>Attempt {attempt.attempt}</option>)}
      </select>
    </label>
  );
  const between = step.attempts.slice(Math.min(from, to), Math.max(from, to)).flatMap((attempt) => attempt.guidance);
  const cut = [left, right].some((attempt) => attempt.output_chars > (attempt.output?.length ?? 0));
  return (
    <div className="attempt-diff">
      {step.attempts.length > 2 ? (
        <div className="row">{pick("From", from, (index) => setPair([index, to]))}<span className="quiet">to</span>{pick("To", to, (index) => setPair([from, index]))}</div>
      ) : null}
      <div className="between">
        <Validation attempt={left} />
        {between.length > 0 ? <Guidance notes={between} /> : null}
      </div>
      <DiffView
        left={pretty(left.output ?? left.error ?? "")}
        right={pretty(right.output ?? right.error ?? "")}
        leftName={`Attempt ${left.attempt}, ${looks(left).words}`}
        rightName={`Attempt ${right.attempt}, ${looks(right).words}`}
      />
      {cut ? <p className="tiny quiet">Of the first 20,000 characters of each.</p> : null}
    </div>
  );
}

/** How the session ended. */
export function Answer({ session, error }: { session: Session; error: string | null }) {
  return (
    <section className="final" aria-label="Final answer">
      <p className="caps">{error && !session.final_answer ? "Failed" : "Final answer"}</p>
      {error ? <p className="error-line text mono">{error}</p> : null}
      {session.final_answer ? <Readable text={session.final_answer} /> : null}
      <RewardView reward={session.reward} />
    </section>
  );
}
