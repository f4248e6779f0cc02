import { useState } from "react";
import { useSpan } from "../api/queries";
import { useKept } from "../base/storage";
import { Dialog } from "../parts/Dialog";
import { DiffView } from "../parts/DiffView";
import { Failed, Loading } from "../parts/small";
import type { Review } from "../verdict/useReview";
import { answerText } from "./chat";

interface Props {
  readonly session: string;
  readonly content: string;
  readonly span: string;
  readonly previous: string | null;
  readonly review: Review;
  readonly onClose: () => void;
}

/** A better answer than the model's. Both become a preference pair. What is typed survives a reload. */
export function CorrectDialog({ session, content, span, previous, review, onClose }: Props) {
  const found = useSpan(session, span, content);
  const [draft, setDraft] = useKept<string | null>(`correction/${session}/${span}`, null);
  const [look, setLook] = useState(false);
  const answer = found.data?.call ? answerText(found.data.call) : "";
  const text = draft ?? previous ?? answer;
  const same = text.trim() === answer.trim() || text.trim() === (previous ?? "").trim();
  const submit = async () => {
    if (same || !text.trim() || review.busy) return;
    if (await review.decide([{ kind: "correction", span, text }], "Correction saved")) {
      setDraft(null);
      onClose();
    }
  };
  return (
    <Dialog
      title="Correct the answer"
      onClose={onClose}
      onSubmit={() => void submit()}
      wide
      footer={
        <>
          <button type="button" className="button" onClick={() => { setDraft(null); onClose(); }}>Discard</button>
          <button type="button" className="button" aria-pressed={look} onClick={() => setLook(!look)}>Diff</button>
          <button type="button" className="button button-main push" disabled={same || !text.trim() || review.busy || !found.data?.call} onClick={() => void submit()}>Save correction</button>
        </>
      }
    >
      {found.error ? <Failed error={found.error} /> : null}
      {!found.data ? <Loading lines={4} /> : !found.data.call ? (
        <Failed error="Only a model call's answer can be corrected." />
      ) : (
        <div className="col">
          <p className="small soft">Write what the model should have answered. It goes into preference pairs as the chosen one, beside the model's own as the rejected one.</p>
          <label className="field"><span>Better answer</span><textarea data-first rows={look ? 8 : 16} value={text} onChange={(event) => setDraft(event.target.value)} /></label>
          {look ? <DiffView left={answer} right={text} leftName="answered" rightName="corrected" /> : null}
          {review.error ? <p className="small tone-bad text" role="alert">{review.error.message}</p> : null}
          {review.changed ? <p className="small tone-warn" role="alert">The session changed while you looked at it. What you typed is kept: close this, go on with the session as it is now, and save again.</p> : null}
        </div>
      )}
    </Dialog>
  );
}
