import { useSyncExternalStore } from "react";

/** Whether the server and its database answer. */
export type Connection = "ready" | "server" | "database" | "signed-out";

let state: Connection = "ready";
let timer: number | undefined;
const listeners = new Set<() => void>();
const returns = new Set<() => void>();
const EVERY_MS = 1500;

function put(next: Connection): void {
  if (state === next) return;
  state = next;
  for (const listener of listeners) listener();
}

async function look(): Promise<void> {
  let next: Connection = "server";
  try {
    const answer = await fetch("/api/v1/health", { cache: "no-store" });
    const body: unknown = await answer.json();
    const database = typeof body === "object" && body !== null && "database" in body ? body.database : "away";
    next = answer.ok && database === "ready" ? "ready" : "database";
  } catch {
    // Still away.
  }
  put(next);
  if (next === "ready") {
    for (const returned of returns) returned();
  } else {
    timer = window.setTimeout(() => void look(), EVERY_MS);
  }
}

export const connection = {
  /** Something did not answer: ask until it does. */
  lost(what: "server" | "database"): void {
    if (state !== "ready" && state !== "signed-out") return;
    put(what);
    window.clearTimeout(timer);
    timer = window.setTimeout(() => void look(), EVERY_MS);
  },
  signedOut(): void {
    put("signed-out");
  },
  /** Ask now. */
  look(): void {
    window.clearTimeout(timer);
    void look();
  },
  /** Call `returned` whenever what was away answers again. */
  onReturn(returned: () => void): () => void {
    returns.add(returned);
    return () => returns.delete(returned);
  },
};

export function useConnection(): Connection {
  return useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => state,
  );
}
