import type { SkeletonSpan, SpanDetail } from "../api/types";
import { compact, dollars, duration } from "../base/format";
import { Icon } from "../parts/Icon";
import { Chip } from "../parts/small";
import { SpanBody } from "./SpanBody";

interface Props {
  readonly session: string;
  readonly content: string;
  readonly span: SkeletonSpan;
  readonly depth: number;
  readonly open: boolean;
  readonly chosen: boolean;
  readonly excluded: boolean;
  readonly correction: string | null;
  readonly onToggle: () => void;
  readonly actions?: (detail: SpanDetail) => React.ReactNode;
}

export const KIND_WORDS: Record<SkeletonSpan["kind"], string> = {
  session: "session", step: "step", llm: "model", tool: "tool", agent: "agent", function: "function", reward: "reward",
  event: "event", custom: "custom",
};

/** One call in the transcript: a line, and all of it where it is open. */
export function SpanCard({ session, content, span, depth, open, chosen, excluded, correction, onToggle, actions }: Props) {
  const failed = span.status === "failed";
  return (
    <article
      className={`span span-${span.kind}${chosen ? " span-chosen" : ""}${failed ? " span-failed" : ""}${excluded ? " span-excluded" : ""}`}
      style={{ marginLeft: depth * 18 }}
      aria-label={`${KIND_WORDS[span.kind]} ${span.name}`}
    >
      <button type="button" className="span-head" aria-expanded={open} onClick={onToggle}>
        <Icon name={open ? "down" : "chevron"} size={12} />
        <span className="span-kind">{KIND_WORDS[span.kind]}</span>
        <span className="span-name cut">{span.kind === "llm" ? (span.model ?? span.name) : span.name}</span>
        {span.actor && span.actor !== "student" ? <Chip tone="accent">{span.actor}</Chip> : null}
        {failed ? <Chip tone="bad">failed</Chip> : null}
        {span.status === "running" ? <Chip tone="info"><span className="pulse" aria-hidden="true" />running</Chip> : null}
        {excluded ? <Chip tone="warn">not for training</Chip> : null}
        {correction !== null ? <Chip tone="good">corrected</Chip> : null}
        <span className="span-preview cut">{open ? "" : (span.error ?? span.preview)}</span>
        <span className="span-numbers num">
          {span.input_tokens !== null || span.output_tokens !== null ? (
            <span title="tokens in → out">{compact(span.input_tokens ?? 0)} → {compact(span.output_tokens ?? 0)}</span>
          ) : null}
          {span.cost_usd !== null ? <span title="cost">{dollars(span.cost_usd)}</span> : null}
          <span title="duration">{span.duration_ms === null ? "" : duration(span.duration_ms)}</span>
        </span>
      </button>
      {open ? <SpanBody session={session} content={content} span={span.id} correction={correction} {...(actions ? { actions } : {})} /> : null}
    </article>
  );
}
