import type { Me, ReviewEvent } from "../api/types";
import { ago, moment } from "../base/format";

interface Props {
  readonly events: readonly ReviewEvent[];
  readonly me: Me;
  readonly onUndo: (event: ReviewEvent) => void;
}

function said(event: ReviewEvent): string {
  const of = event.step === null ? "" : ` on step ${event.step}`;
  switch (event.kind) {
    case "verdict":
      return event.verdict === "pending" ? "lets it wait again" : `${event.verdict ?? "decided"}${event.final ? ", finally" : ""}`;
    case "score":
      return `${event.criterion ?? "score"}: ${event.score ?? ""}${of}`;
    case "note":
      return `note${of}`;
    case "tag":
      return `tagged ${event.text ?? ""}`;
    case "untag":
      return `took off ${event.text ?? ""}`;
    case "correction":
      return "corrected an answer";
    case "exclude":
      return "excluded a call";
    case "include":
      return "took a call back in";
    case "assign":
      return event.text ? `assigned to ${event.text}` : "assigned to nobody";
    case "undo":
      return `undid #${event.undoes ?? ""}`;
  }
}

/** All that was ever said on the session, the newest first; nothing in it is overwritten. */
export function History({ events, me, onUndo }: Props) {
  if (events.length === 0) return <p className="quiet small">Nobody has reviewed it yet.</p>;
  const may = (event: ReviewEvent) => !event.undone && (event.by === me.user ? me.role !== "view" : me.role === "admin");
  return (
    <ol className="history">
      {[...events].reverse().map((event) => (
        <li key={event.id} className={event.undone ? "event event-undone" : "event"}>
          <div className="row small">
            <span className="strong cut">{event.by}</span>
            <span className="cut grow soft">{said(event)}</span>
            <span className="quiet tiny" title={`${moment(event.at)}, on revision ${event.revision}, through the ${event.via}`}>{ago(event.at)}</span>
            {may(event) ? <button type="button" className="link tiny" onClick={() => onUndo(event)} aria-label={`Undo ${said(event)}`}>undo</button> : null}
          </div>
          {(event.kind === "note" || event.kind === "correction" || event.kind === "exclude") && event.text ? <p className="event-text text small">{event.text}</p> : null}
          {event.stale && !event.undone && event.kind === "verdict" ? <p className="tiny tone-warn">The session has changed since.</p> : null}
          {event.undone ? <p className="tiny quiet">undone</p> : null}
        </li>
      ))}
    </ol>
  );
}
