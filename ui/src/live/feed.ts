import type { SessionItem } from "../api/types";

const MOST = 300;

/** Both lists, each session once as it is in `newer`; the newest first. */
export function merged(older: readonly SessionItem[], newer: readonly SessionItem[]): SessionItem[] {
  const known = new Map(older.map((item) => [item.id, item]));
  for (const item of newer) known.set(item.id, item);
  return [...known.values()].sort((a, b) => (a.created_at < b.created_at ? 1 : a.created_at > b.created_at ? -1 : b.id - a.id)).slice(0, MOST);
}
