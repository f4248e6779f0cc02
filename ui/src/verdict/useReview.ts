import { useCallback, useEffect, useRef, useState } from "react";
import { ApiError } from "../api/client";
import { api } from "../api/endpoints";
import { queryClient, reviewed } from "../api/queries";
import type { Action, Changed, Problem, ReviewState, Session } from "../api/types";
import { say } from "../parts/Toasts";

export interface Review {
  /** The session changed since the reviewer began to look: what changed, where it is known. */
  readonly changed: readonly Changed[] | null;
  readonly busy: boolean;
  readonly error: Problem | null;
  /** Say it on the session as it was looked at; true when it was done. What is said to the reviewer names it. */
  readonly decide: (actions: readonly Action[], said: string) => Promise<boolean>;
  /** Go on with the session as it is now. */
  readonly acknowledge: () => void;
}

/** Writes on a session as it was when the reviewer began to look at it, so that nobody overwrites unseen. */
export function useReview(session: Session): Review {
  const id = session.item.id;
  const [base, setBase] = useState({ id, revision: session.revision });
  const [conflict, setConflict] = useState<Problem | null>(null);
  const [error, setError] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  const working = useRef(false);

  const follows = session.item.status === "running";
  useEffect(() => {
    if (base.id !== id || follows) setBase({ id, revision: session.revision });
    if (base.id !== id) {
      setConflict(null);
      setError(null);
    }
  }, [id, session.revision, follows]);
  const revision = base.id === id ? base.revision : session.revision;

  const decide = useCallback(
    async (actions: readonly Action[], said: string): Promise<boolean> => {
      if (working.current || actions.length === 0) return false;
      working.current = true;
      setBusy(true);
      try {
        const state = await api.decide(id, { revision, actions: [...actions] });
        reviewed(state);
        setBase({ id, revision: state.revision });
        setConflict(null);
        setError(null);
        const before = Math.max(0, ...session.review.events.map((event) => event.id));
        const fresh = state.events.filter((event) => event.id > before && event.kind !== "undo").map((event) => event.id);
        say(said, fresh.length ? { undo: () => void takeBack(id, fresh, (next) => setBase((now) => (now.id === id ? { id, revision: next.revision } : now))) } : {});
        return true;
      } catch (failure) {
        if (!(failure instanceof ApiError)) throw failure;
        if (failure.problem.code === "conflict") {
          // The reviewer is told once the session is shown as it is now.
          await queryClient.invalidateQueries({ queryKey: ["session"] });
          setConflict(failure.problem);
        } else {
          setError(failure.problem);
        }
        say(failure.message, { bad: true });
        return false;
      } finally {
        working.current = false;
        setBusy(false);
      }
    },
    [id, revision, session.review.events],
  );

  const acknowledge = useCallback(() => {
    setBase({ id, revision: session.revision });
    setConflict(null);
    setError(null);
  }, [id, session.revision]);

  const stale = revision !== session.revision && !follows;
  const changed = conflict ? conflict.changes : stale ? since(session, revision) : null;
  return { changed, busy, error, decide, acknowledge };
}

/** What reviewers did after `revision`, of what the session itself knows. */
function since(session: Session, revision: string): Changed[] {
  const at = Number(/-r(\d+)$/.exec(revision)?.[1] ?? 0);
  const said = session.review.events
    .filter((event) => event.id > at)
    .map((event) => ({ at: event.at, by: event.by, what: event.verdict ?? event.kind }));
  return said.length > 0 ? said : [{ at: null, by: null, what: "the session's records changed" }];
}

/** Undo the events of one save. */
async function takeBack(id: number, events: readonly number[], onDone: (state: ReviewState) => void): Promise<void> {
  const actions = [...events].reverse().map((event) => ({ kind: "undo" as const, event }));
  try {
    // What was said since stays: the events of this save are the reviewer's own to take back, on any revision.
    const { revision } = await api.review(id);
    const next = await api.decide(id, { revision, actions });
    reviewed(next);
    onDone(next);
    say("Taken back");
  } catch (failure) {
    say(failure instanceof Error ? failure.message : String(failure), { bad: true });
    void queryClient.invalidateQueries({ queryKey: ["session"] });
  }
}
