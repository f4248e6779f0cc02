import { useEffect } from "react";
import { ApiError } from "../api/client";
import { api } from "../api/endpoints";
import { queryClient } from "../api/queries";
import type { Me, Session, Setup } from "../api/types";

const AFTER_MS = 800;

/** Reserve the session while it is looked at, so that two do not review one; let it go when it is left. */
export function useReservation(session: Session, me: Me, setup: Setup): void {
  const id = session.item.id;
  const waits = session.review.status === "pending" && me.role !== "view";
  useEffect(() => {
    if (!waits) return undefined;
    let held = false;
    let left = false;
    const reserve = async () => {
      try {
        await api.reserve(id);
        held = true;
        if (left) await api.release(id);
      } catch (failure) {
        // Somebody else has it: the panel says who. Whatever else it is, reviewing works without.
        if (failure instanceof ApiError && !left) void queryClient.invalidateQueries({ queryKey: ["session"] });
      }
    };
    const begin = window.setTimeout(() => void reserve(), AFTER_MS);
    const again = window.setInterval(() => void reserve(), (setup.reserve_minutes * 60_000) / 2);
    return () => {
      left = true;
      window.clearTimeout(begin);
      window.clearInterval(again);
      if (held) api.release(id).catch(() => undefined);
    };
  }, [id, waits, setup.reserve_minutes]);
}
