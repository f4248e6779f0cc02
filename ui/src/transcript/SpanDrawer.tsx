import { contentOf } from "../api/queries";
import type { Session, SkeletonSpan } from "../api/types";
import { duration } from "../base/format";
import { change } from "../base/place";
import { Icon } from "../parts/Icon";
import { SpanBody } from "./SpanBody";
import { KIND_WORDS } from "./SpanCard";

/** The chosen span of a tree or timeline, below it. */
export function SpanDrawer({ name, session, span }: { name: string; session: Session; span: SkeletonSpan }) {
  const correction = session.review.corrections.find((one) => one.span === span.id)?.text ?? null;
  return (
    <section className="drawer" aria-label={`Span ${span.name}`}>
      <header className="row drawer-head">
        <span className={`span-kind kind-${span.kind}`}>{KIND_WORDS[span.kind]}</span>
        <h3 className="cut">{span.name}</h3>
        <span className="quiet small num">{span.duration_ms === null ? "running" : duration(span.duration_ms)}</span>
        <button type="button" className="iconbutton push" aria-label="Close the span" onClick={() => change({ span: null }, true)}><Icon name="cross" /></button>
      </header>
      <div className="drawer-body">
        <SpanBody session={name} content={contentOf(session.revision)} span={span.id} correction={correction} />
      </div>
    </section>
  );
}
