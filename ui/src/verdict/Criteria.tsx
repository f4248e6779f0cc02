import { useEffect, useRef } from "react";
import type { Criterion, ReviewState } from "../api/types";
import { keyOf, pointsOf, type Draft } from "./draft";

export interface Row {
  readonly criterion: Criterion;
  readonly step: number | null;
}

/** The rows to score: the session's criteria, then the chosen step's. */
export function rowsOf(criteria: readonly Criterion[], step: number | null): Row[] {
  const session = criteria.filter((one) => one.per === "session").map((criterion) => ({ criterion, step: null }));
  const steps = step === null ? [] : criteria.filter((one) => one.per === "step").map((criterion) => ({ criterion, step }));
  return [...session, ...steps];
}

interface Props {
  readonly rows: readonly Row[];
  readonly active: number;
  readonly onActive: (index: number) => void;
  readonly draft: Draft;
  readonly review: ReviewState;
  readonly me: string;
  readonly disabled: boolean;
  readonly onScore: (row: Row, score: number) => void;
}

/** The rubric: one row a criterion, one button a point of its scale. */
export function Criteria({ rows, active, onActive, draft, review, me, disabled, onScore }: Props) {
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    box.current?.querySelector(".criterion-active")?.scrollIntoView({ block: "nearest" });
  }, [active]);
  return (
    <div ref={box} className="criteria">
      {rows.map((row, index) => {
        const { criterion, step } = row;
        const key = keyOf(criterion.name, step);
        const said = review.scores.filter((one) => one.criterion === criterion.name && one.step === step);
        const mine = draft.scores[key] ?? said.find((one) => one.by === me)?.score ?? null;
        const others = said.filter((one) => one.by !== me);
        const first = index === 0 || rows[index - 1]?.step !== step;
        return (
          <div key={key}>
            {first ? <h4 className="caps criteria-of">{step === null ? "Session" : `Step ${step}`}</h4> : null}
            <div className={index === active ? "criterion criterion-active" : "criterion"} onMouseDown={() => onActive(index)}>
              <div className="row">
                <span className="criterion-name" title={criterion.description}>{criterion.name}</span>
                {draft.scores[key] !== undefined ? <span className="unsaved" title="Not saved yet">•<span className="unseen">not saved</span></span> : null}
                {others.map((one) => <span key={one.by} className="tiny quiet push" title={`${one.by} gave ${one.score}`}>{one.by}: {one.score}</span>)}
              </div>
              {criterion.description ? <p className="tiny quiet criterion-about">{criterion.description}</p> : null}
              <Scale row={row} value={mine} disabled={disabled} onScore={(score) => onScore(row, score)} />
            </div>
          </div>
        );
      })}
    </div>
  );
}

function Scale({ row, value, disabled, onScore }: { row: Row; value: number | null; disabled: boolean; onScore: (score: number) => void }) {
  const { criterion } = row;
  const points = pointsOf(criterion);
  if (points.length === 0) {
    return (
      <input
        className="scale-number num"
        type="number"
        min={criterion.min}
        max={criterion.max}
        step={criterion.step}
        value={value ?? ""}
        disabled={disabled}
        aria-label={`${criterion.name}, ${criterion.min} to ${criterion.max}`}
        onChange={(event) => {
          const score = event.target.valueAsNumber;
          if (Number.isFinite(score)) onScore(Math.min(criterion.max, Math.max(criterion.min, score)));
        }}
      />
    );
  }
  return (
    <div className="scale" role="group" aria-label={criterion.name}>
      {points.map((point, index) => {
        const label = criterion.labels[index];
        return (
          <button key={point} type="button" className="scale-point num" aria-pressed={value === point} disabled={disabled} title={label ? `${point}: ${label}` : undefined} onClick={() => onScore(point)}>
            {label && label.length <= 9 && points.length <= 3 ? label : point}
          </button>
        );
      })}
    </div>
  );
}
