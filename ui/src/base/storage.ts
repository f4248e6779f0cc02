import { useCallback, useEffect, useState } from "react";

const PREFIX = "atlas.";

/** A value kept in this browser; `fallback` where there is none, or storage is shut. */
export function kept<T>(name: string, fallback: T): T {
  try {
    const text = window.localStorage.getItem(PREFIX + name);
    return text === null ? fallback : (JSON.parse(text) as T);
  } catch {
    return fallback;
  }
}

/** Keep `value`; null forgets it. */
export function keep(name: string, value: unknown): void {
  try {
    if (value === null) window.localStorage.removeItem(PREFIX + name);
    else window.localStorage.setItem(PREFIX + name, JSON.stringify(value));
  } catch {
    // Storage is shut or full: the page works on, and forgets on reload.
  }
}

/** State that survives a reload, and is the same in every tab of this browser. */
export function useKept<T>(name: string, fallback: T): [T, (value: T) => void] {
  const [state, setState] = useState(() => ({ name, value: kept(name, fallback) }));
  const value = state.name === name ? state.value : kept(name, fallback);
  if (state.name !== name) setState({ name, value });
  useEffect(() => {
    const other = (event: StorageEvent) => {
      if (event.key === PREFIX + name) setState({ name, value: kept(name, fallback) });
    };
    window.addEventListener("storage", other);
    return () => window.removeEventListener("storage", other);
    // eslint-disable-next-line
  }, [name]);
  const set = useCallback(
    (next: T) => {
      setState({ name, value: next });
      keep(name, next);
    },
    [name],
  );
  return [value, set];
}
