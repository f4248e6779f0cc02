import { useState } from "react";
import { useSpan } from "../api/queries";
import { fileOf } from "../api/endpoints";
import type { Payload, SpanDetail } from "../api/types";
import { bytes, moment } from "../base/format";
import { Icon } from "../parts/Icon";
import { LongText } from "../parts/LongText";
import { Copy, Failed, Loading } from "../parts/small";
import { Readable } from "../parts/Value";
import { Call } from "./Call";

interface Props {
  readonly session: string;
  /** Which content of the session: the span is asked for again when it changes. */
  readonly content: string;
  readonly span: string;
  /** A reviewer's better answer of a model call. */
  readonly correction: string | null;
  /** What may be done with a model call; not there where nothing may. */
  readonly actions?: (detail: SpanDetail) => React.ReactNode;
}

/** All of one span; asked for when it is shown. */
export function SpanBody({ session, content, span, correction, actions }: Props) {
  const found = useSpan(session, span, content);
  if (found.error && !found.data) return <Failed error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Loading lines={3} />;
  const detail = found.data;
  return (
    <div className="span-body">
      {detail.error ? <ErrorBlock error={detail.error} /> : null}
      {detail.call ? (
        <Call call={detail.call} correction={correction} />
      ) : detail.call_download ? (
        <Download href={detail.call_download} size={null} />
      ) : (
        <div className="inout">
          <div className="inout-side">
            <p className="caps">Given</p>
            <PayloadView payload={detail.input} />
          </div>
          <div className="inout-side">
            <p className="caps">Gave</p>
            <PayloadView payload={detail.output} />
          </div>
        </div>
      )}
      <SpanFoot session={session} detail={detail} actions={actions?.(detail)} />
    </div>
  );
}

function PayloadView({ payload }: { payload: Payload }) {
  if (payload.text === null && payload.download) return <Download href={payload.download} size={payload.size} />;
  return <Readable text={payload.text} />;
}

function Download({ href, size }: { href: string; size: number | null }) {
  return (
    <a className="button button-small download" href={href} download>
      <Icon name="download" />{size === null ? "Too large to show here: download it" : `${bytes(size)}: download it`}
    </a>
  );
}

export function ErrorBlock({ error }: { error: NonNullable<SpanDetail["error"]> }) {
  const [stack, setStack] = useState(false);
  return (
    <div className="error-block">
      <p className="row"><Icon name="warning" /><span className="strong mono">{error.type ?? "error"}</span></p>
      <LongText text={error.message} mono limit={1500} />
      {error.stack ? (
        <>
          <button type="button" className="link small" aria-expanded={stack} onClick={() => setStack(!stack)}>{stack ? "Hide the stack" : "Show the stack"}</button>
          {stack ? <LongText text={error.stack} mono limit={8000} /> : null}
        </>
      ) : null}
    </div>
  );
}

function SpanFoot({ session, detail, actions }: { session: string; detail: SpanDetail; actions: React.ReactNode }) {
  const [facts, setFacts] = useState(false);
  return (
    <>
      <div className="span-foot row wrap small">
        {actions}
        <span className="push row wrap quiet">
          {detail.started_at ? <span className="num tiny">{moment(detail.started_at)}</span> : null}
          {detail.span_id ? <Copy text={detail.span_id} label="span id"><span className="mono tiny">{detail.span_id}</span></Copy> : null}
          {detail.trace_id ? <Copy text={detail.trace_id} label="trace id"><span className="tiny">trace</span></Copy> : null}
          {detail.links.jaeger ? <a className="row tiny" href={detail.links.jaeger} target="_blank" rel="noreferrer">Jaeger<Icon name="out" size={11} /></a> : null}
          <a className="row tiny" href={fileOf.record(session, detail.id)} download>record<Icon name="download" size={11} /></a>
          {detail.facts.length > 0 ? <button type="button" className="link tiny" aria-expanded={facts} onClick={() => setFacts(!facts)}>attributes</button> : null}
        </span>
      </div>
      {facts ? (
        <dl className="facts">
          {detail.facts.map((fact) => (
            <div key={fact.name}><dt className="mono">{fact.name}</dt><dd><LongText mono text={fact.value} limit={400} /></dd></div>
          ))}
        </dl>
      ) : null}
    </>
  );
}
