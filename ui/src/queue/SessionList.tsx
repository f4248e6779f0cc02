import { useVirtualizer } from "@tanstack/react-virtual";
import { useEffect, useRef } from "react";
import type { SessionItem } from "../api/types";
import { ago, compact, dollars, duration, plural } from "../base/format";
import { Icon, type IconName } from "../parts/Icon";
import { Chip, ScoreBar, type Tone } from "../parts/small";
import { REASON_WORDS, type ReasonCode } from "./filters";

const REVIEW_LOOKS: Record<string, { icon: IconName; tone: Tone }> = {
  approved: { icon: "check", tone: "good" },
  quarantined: { icon: "stop", tone: "bad" },
  pending: { icon: "dot", tone: "plain" },
};
const REASON_TONES: Partial<Record<ReasonCode, Tone>> = {
  drift: "bad", rejected_attempts: "warn", judge_disagreement: "info", low_reward: "bad", failure_cluster: "bad",
  changed_after_review: "warn", tie: "info",
};

interface Props {
  readonly sessions: readonly SessionItem[];
  readonly chosen: string | undefined;
  readonly me: string;
  readonly onChoose: (id: string) => void;
  readonly more: (() => void) | undefined;
}

/** The sessions of the queue; only those in sight are in the document. */
export function SessionList({ sessions, chosen, me, onChoose, more }: Props) {
  const scroll = useRef<HTMLDivElement>(null);
  const rows = useVirtualizer({
    count: sessions.length,
    getScrollElement: () => scroll.current,
    estimateSize: () => 98,
    overscan: 8,
    getItemKey: (index) => sessions[index]?.id ?? index,
  });
  const at = sessions.findIndex((item) => String(item.id) === chosen);
  useEffect(() => {
    if (at >= 0) rows.scrollToIndex(at, { align: "auto" });
    // Only when another one is chosen: a list that grows stays where it is.
  }, [at]);
  const shown = rows.getVirtualItems();
  const last = shown.at(-1)?.index ?? 0;
  useEffect(() => {
    if (more && last >= sessions.length - 20) more();
  }, [last, sessions.length, more]);
  return (
    <div ref={scroll} className="list-scroll" tabIndex={0} role="listbox" aria-label="Sessions" aria-activedescendant={at >= 0 ? `session-${chosen}` : undefined}>
      <div role="presentation" style={{ height: rows.getTotalSize(), position: "relative" }}>
        {shown.map((row) => {
          const item = sessions[row.index];
          return item ? (
            <div
              key={row.key}
              ref={rows.measureElement}
              data-index={row.index}
              id={`session-${item.id}`}
              role="option"
              aria-selected={row.index === at}
              aria-setsize={more ? -1 : sessions.length}
              aria-posinset={row.index + 1}
              className="item"
              style={{ position: "absolute", top: 0, left: 0, right: 0, transform: `translateY(${row.start}px)` }}
              onClick={() => onChoose(String(item.id))}
            >
              <Item item={item} me={me} />
            </div>
          ) : null;
        })}
      </div>
    </div>
  );
}

function Item({ item, me }: { item: SessionItem; me: string }) {
  const look = REVIEW_LOOKS[item.review_status] ?? { icon: "dot", tone: "plain" as Tone };
  const tokens = (item.input_tokens ?? 0) + (item.output_tokens ?? 0);
  const taken = item.reservation && item.reservation.by !== me ? item.reservation : null;
  return (
    <>
      <span className={`item-state tone-${look.tone}`} title={item.review_status}>
        <Icon name={look.icon} size={15} /><span className="unseen">{item.review_status}</span>
      </span>
      <div className="item-body">
        <p className="item-task text">{item.task || (item.content ? "(no task)" : "(content not captured)")}</p>
        <div className="item-reasons">
          {item.status === "failed" ? <Chip tone="bad">failed</Chip> : null}
          {item.status === "running" ? <Chip tone="info"><span className="pulse" aria-hidden="true" />running</Chip> : null}
          {item.reasons.map((reason) => (
            <Chip key={reason.code} tone={REASON_TONES[reason.code] ?? "plain"} title={reason.detail}>{REASON_WORDS[reason.code]}</Chip>
          ))}
          {taken ? <Chip tone="info" title={`${taken.by} looks at it until ${taken.until}`}><Icon name="lock" size={11} />{taken.by}</Chip> : null}
          {item.assigned_to ? <Chip tone="accent" title={`Assigned to ${item.assigned_to}`}><Icon name="user" size={11} />{item.assigned_to}</Chip> : null}
        </div>
        <div className="item-meta num">
          <ScoreBar value={item.reward} />
          <span className="item-agent cut" title={item.agent ?? undefined}>{item.agent ?? "no agent"}</span>
          <span title="steps">{plural(item.steps, "step")}</span>
          {tokens > 0 ? <span title="tokens">{compact(tokens)} tok</span> : null}
          {item.cost_usd ? <span className="item-wide" title="cost">{dollars(item.cost_usd)}</span> : null}
          {item.seconds !== null ? <span className="item-wide" title="duration">{duration(item.seconds * 1000)}</span> : null}
          <span title={item.created_at}>{ago(item.created_at)}</span>
        </div>
      </div>
    </>
  );
}
