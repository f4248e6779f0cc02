import { useCallback, useSyncExternalStore } from "react";

/** Where the reader is: the URL's path and query. All that a view shows follows from it, so that it can be sent. */
export interface Place {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
}

export type Changes = Record<string, string | number | boolean | null | undefined>;

/** A session's own address, as links from elsewhere have it (from Jaeger: its trace's id): the queue with it open. */
const OWN_ADDRESS = /^\/sessions\/([^/]+)\/?$/;

let current = read();
const listeners = new Set<() => void>();

function read(): Place {
  const named = OWN_ADDRESS.exec(window.location.pathname)?.[1];
  if (named !== undefined) window.history.replaceState(null, "", `/queue?s=${named}&review_status=all`);
  const { pathname, search } = window.location;
  const path = pathname.replace(/\/+$/, "") || "/queue";
  return { path, query: Object.fromEntries(new URLSearchParams(search)) };
}

function heard(): void {
  current = read();
  for (const listener of listeners) listener();
}

window.addEventListener("popstate", heard);

/** The address of `path` with `query`; null, undefined, false and "" leave a parameter out. */
export function href(path: string, query: Changes = {}): string {
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined && value !== false && value !== "") params.set(name, String(value));
  }
  const text = params.toString();
  return text ? `${path}?${text}` : path;
}

/** Go there. `replace` puts it in place of the last entry of the history. */
export function go(path: string, query: Changes = {}, replace = false): void {
  const address = href(path, query);
  if (address === window.location.pathname + window.location.search) return;
  window.history[replace ? "replaceState" : "pushState"](null, "", address);
  heard();
}

/** Change some parameters of the present place. */
export function change(changes: Changes, replace = false): void {
  go(current.path, { ...current.query, ...changes }, replace);
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener);
  return () => listeners.delete(listener);
}

export function usePlace(): Place {
  return useSyncExternalStore(subscribe, () => current);
}

/** One parameter of the place, and a way to set it. */
export function useParam(name: string): [string | undefined, (value: string | null) => void] {
  const value = usePlace().query[name];
  const set = useCallback((next: string | null) => change({ [name]: next }), [name]);
  return [value, set];
}
