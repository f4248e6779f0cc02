import type { Me, Session, Setup } from "../api/types";
import { useSession } from "../api/queries";
import { change, usePlace } from "../base/place";
import { Empty, Failed, Loading } from "../parts/small";
import { SessionPane } from "../transcript/SessionPane";
import { useReview } from "../verdict/useReview";
import { VerdictPanel } from "../verdict/VerdictPanel";
import { useReservation } from "./useReservation";

interface Props {
  readonly id: string | undefined;
  readonly me: Me;
  readonly setup: Setup;
  readonly onNext: () => void;
}

/** The session that was chosen: its transcript, and beside it the verdict. */
export function Reviewing({ id, me, setup, onNext }: Props) {
  const session = useSession(id ?? "");
  if (!id) return <Waiting><Empty title="Nothing waits here.">Take conditions away, or look at another status.</Empty></Waiting>;
  if (session.data) return <Both key={session.data.item.id} name={id} session={session.data} me={me} setup={setup} onNext={onNext} />;
  return <Waiting>{session.error ? <Failed error={session.error} again={() => void session.refetch()} /> : <Loading lines={8} />}</Waiting>;
}

function Waiting({ children }: { children: React.ReactNode }) {
  return (
    <>
      <section className="pane pane-empty" aria-label="Transcript">{children}</section>
      <aside className="verdict" aria-label="Verdict" />
    </>
  );
}

function Both({ name, session, me, setup, onNext }: { name: string; session: Session; me: Me; setup: Setup; onNext: () => void }) {
  const { query } = usePlace();
  const review = useReview(session);
  useReservation(session, me, setup);
  const numbers = session.steps.map((step) => step.step_id);
  const asked = query["step"] === undefined ? NaN : Number(query["step"]);
  const step = numbers.includes(asked) ? asked : (numbers[0] ?? null);
  const held = session.review.reservation;
  return (
    <>
      <SessionPane
        name={name}
        session={session}
        step={step}
        review={review}
        me={me}
        onStep={(next) => change({ step: next }, true)}
      />
      <VerdictPanel session={session} setup={setup} me={me} step={step} review={review} takenBy={held && held.by !== me.user ? held.by : null} onNext={onNext} />
    </>
  );
}
