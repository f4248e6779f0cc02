import { useFacets } from "../api/queries";
import type { Me, ReviewState } from "../api/types";
import type { Review } from "./useReview";

/** Who is asked to look at the session. */
export function Assignment({ state, me, review }: { state: ReviewState; me: Me; review: Review }) {
  const reviewers = useFacets().data?.reviewers ?? [];
  const known = [...new Set([me.user, ...reviewers, ...(state.assigned_to ? [state.assigned_to] : [])])];
  return (
    <label className="field">
      <span>Assigned to</span>
      <select
        value={state.assigned_to ?? ""}
        disabled={me.role === "view" || review.busy}
        onChange={(event) => {
          const to = event.target.value || null;
          void review.decide([{ kind: "assign", to }], to ? `Assigned to ${to}` : "Assigned to nobody");
        }}
      >
        <option value="">nobody</option>
        {known.map((one) => <option key={one} value={one}>{one === me.user ? `${one} (me)` : one}</option>)}
      </select>
    </label>
  );
}
