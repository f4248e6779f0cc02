import { useLayoutEffect, useMemo, useRef, useSyncExternalStore } from "react";

/** What a key does. `keys` is a key's own name ("j", "?", "ArrowUp"), "mod+Enter", or two after each other ("g q"). */
export interface Binding {
  readonly keys: string;
  readonly does: string;
  readonly group: string;
  readonly run: (event: KeyboardEvent) => void;
  /** How the help writes the keys where it isn't as they are; null leaves the binding out. */
  readonly shown?: string | null;
  /** Also while somebody types. */
  readonly typing?: boolean;
}

type Layer = { current: readonly Binding[] };

const layers: Layer[] = [];
const listeners = new Set<() => void>();
let version = 0;

function changed(): void {
  version += 1;
  for (const listener of listeners) listener();
}

let prefix = "";
let forget: number | undefined;

/** Whether what is typed goes into a field. */
export function isTyping(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  if (target instanceof HTMLInputElement) return !["checkbox", "radio", "button", "range"].includes(target.type);
  return target instanceof HTMLTextAreaElement || target instanceof HTMLSelectElement || target.isContentEditable === true;
}

/** How an event is written in a binding; "" for what no binding means. */
export function nameOf(event: KeyboardEvent): string {
  if (event.altKey) return "";
  if (event.metaKey || event.ctrlKey) return event.key === "Enter" ? "mod+Enter" : "";
  return event.key;
}

function find(keys: string, typing: boolean): Binding | undefined {
  for (let index = layers.length - 1; index >= 0; index -= 1) {
    const found = layers[index]?.current.find((one) => one.keys === keys && (!typing || one.typing));
    if (found) return found;
  }
  return undefined;
}

function modal(): HTMLElement | null {
  return document.querySelector("[aria-modal=true]");
}

function heard(event: KeyboardEvent): void {
  if (event.defaultPrevented || event.isComposing) return;
  const name = nameOf(event);
  if (!name || name === "Shift") return;
  const typing = isTyping(event.target);
  if (modal() !== null && !(name === "Escape" || name === "mod+Enter")) return;
  const keys = prefix && !typing ? `${prefix} ${name}` : name;
  window.clearTimeout(forget);
  prefix = "";
  const binding = find(keys, typing);
  if (binding) {
    event.preventDefault();
    binding.run(event);
  } else if (keys === "g" && !typing) {
    prefix = "g";
    forget = window.setTimeout(() => { prefix = ""; }, 1500);
  }
}

window.addEventListener("keydown", heard);

/** Bindings that hold while the component is shown; the newest component's win. */
export function useKeys(bindings: readonly Binding[]): void {
  const layer = useRef(bindings);
  layer.current = bindings;
  // Before the next key can come: none goes to what is no longer shown.
  useLayoutEffect(() => {
    layers.push(layer);
    changed();
    return () => {
      layers.splice(layers.indexOf(layer), 1);
      changed();
    };
  }, []);
}

/** All that keys do, by group; as soon as something else is shown, anew. */
export function useLiveBindings(): Map<string, Binding[]> {
  const now = useSyncExternalStore(
    (listener) => {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    () => version,
  );
  return useMemo(liveBindings, [now]);
}

function liveBindings(): Map<string, Binding[]> {
  const seen = new Set<string>();
  const groups = new Map<string, Binding[]>();
  for (const layer of [...layers].reverse()) {
    for (const binding of layer.current) {
      if (seen.has(binding.keys) || binding.shown === null) continue;
      seen.add(binding.keys);
      groups.set(binding.group, [...(groups.get(binding.group) ?? []), binding]);
    }
  }
  return groups;
}
