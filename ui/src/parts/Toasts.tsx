import { useSyncExternalStore } from "react";
import { Icon } from "./Icon";

interface Toast {
  readonly id: number;
  readonly text: string;
  readonly bad: boolean;
  readonly undo?: () => void;
}

let toasts: readonly Toast[] = [];
let number = 0;
const listeners = new Set<() => void>();

function put(next: readonly Toast[]): void {
  toasts = next;
  for (const listener of listeners) listener();
}

function drop(id: number): void {
  put(toasts.filter((toast) => toast.id !== id));
}

/** Say something for a few seconds; with `undo`, how to take it back. */
export function say(text: string, { bad = false, undo }: { bad?: boolean; undo?: () => void } = {}): void {
  number += 1;
  const id = number;
  put([...toasts.slice(-2), { id, text, bad, ...(undo ? { undo } : {}) }]);
  window.setTimeout(() => drop(id), bad ? 9000 : 5000);
}

export function Toasts() {
  const shown = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => toasts,
  );
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <div key={toast.id} className={toast.bad ? "toast toast-bad" : "toast"}>
          <Icon name={toast.bad ? "warning" : "check"} />
          <span className="grow text">{toast.text}</span>
          {toast.undo ? (
            <button type="button" className="button button-small" onClick={() => { toast.undo?.(); drop(toast.id); }}>Undo</button>
          ) : null}
          <button type="button" className="iconbutton" aria-label="Dismiss" onClick={() => drop(toast.id)}><Icon name="cross" /></button>
        </div>
      ))}
    </div>
  );
}
