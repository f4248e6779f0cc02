import type { ReactNode } from "react";
import { useState } from "react";
import { Icon } from "./Icon";

export type Tone = "plain" | "good" | "bad" | "warn" | "info" | "accent";

/** A word in a coloured box; the word says it too, so that nobody needs the colour. */
export function Chip({ tone = "plain", title, children }: { tone?: Tone; title?: string; children: ReactNode }) {
  return <span className={`chip chip-${tone}`} title={title}>{children}</span>;
}

export function Kbd({ children }: { children: ReactNode }) {
  return <kbd className="kbd" aria-hidden="true">{children}</kbd>;
}

/** What a view says where it has nothing to show. */
export function Empty({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="empty">
      <p className="empty-title">{title}</p>
      {children ? <div className="empty-more">{children}</div> : null}
    </div>
  );
}

/** What went wrong, and a way to try once more. */
export function Failed({ error, again }: { error: unknown; again?: () => void }) {
  return (
    <div className="failed" role="alert">
      <Icon name="warning" />
      <span className="text grow">{error instanceof Error ? error.message : String(error)}</span>
      {again ? <button type="button" className="button button-small" onClick={again}>Try again</button> : null}
    </div>
  );
}

export function Loading({ lines = 3, label = "Loading" }: { lines?: number; label?: string }) {
  return (
    <div className="loading" role="status" aria-label={label}>
      {Array.from({ length: lines }, (_, index) => <span key={index} className={`bone bone-${index % 4}`} />)}
    </div>
  );
}

/** A button that copies `text`, and says so. */
export function Copy({ text, label, children }: { text: string; label: string; children?: ReactNode }) {
  const [done, setDone] = useState(false);
  const copy = async () => {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      fallbackCopy(text);
    }
    setDone(true);
    window.setTimeout(() => setDone(false), 1200);
  };
  return (
    <button type="button" className="copy" onClick={() => void copy()} title={`Copy ${label}`}>
      {children ?? <span className="mono cut">{text}</span>}
      <Icon name={done ? "check" : "copy"} />
      <span className="unseen" aria-live="polite">{done ? `${label} copied` : `Copy ${label}`}</span>
    </button>
  );
}

// The clipboard API needs a secure context, which a host name in a local network is not.
function fallbackCopy(text: string): void {
  const field = document.createElement("textarea");
  field.value = text;
  document.body.append(field);
  field.select();
  document.execCommand("copy");
  field.remove();
}

/** One number with its name, as in a strip of them. */
export function Figure({ name, value, tone, title }: { name: string; value: ReactNode; tone?: Tone; title?: string }) {
  return (
    <div className="figure" title={title}>
      <dt>{name}</dt>
      <dd className={tone ? `num tone-${tone}` : "num"}>{value}</dd>
    </div>
  );
}

/** A reward from 0 to 1 as a short bar beside its number. */
export function ScoreBar({ value, label = "reward" }: { value: number | null | undefined; label?: string }) {
  if (value === null || value === undefined) return <span className="scorebar quiet" title={`no ${label}`}>no {label}</span>;
  const tone = value >= 0.7 ? "good" : value >= 0.4 ? "warn" : "bad";
  const width = `${Math.max(0, Math.min(1, value)) * 100}%`;
  return (
    <span className="scorebar" title={`${label} ${value}`}>
      <span className="scorebar-track" aria-hidden="true"><span className={`scorebar-fill fill-${tone}`} style={{ width }} /></span>
      <span className="num">{value.toFixed(2)}</span>
      <span className="unseen">{label}</span>
    </span>
  );
}
