import type { KeyboardEvent, ReactNode } from "react";
import { useId, useRef } from "react";

export interface Tab<Id extends string> {
  readonly id: Id;
  readonly label: ReactNode;
}

interface Props<Id extends string> {
  readonly tabs: readonly Tab<Id>[];
  readonly chosen: Id;
  readonly onChoose: (id: Id) => void;
  readonly label: string;
  readonly small?: boolean;
  readonly children: ReactNode;
  readonly className?: string;
  readonly after?: ReactNode;
}

/** Tabs as ARIA describes them: one stop for Tab, arrows between them, the panel named by its tab. */
export function Tabs<Id extends string>({ tabs, chosen, onChoose, label, small, children, className, after }: Props<Id>) {
  const base = useId();
  const list = useRef<HTMLDivElement>(null);
  const move = (event: KeyboardEvent) => {
    const at = tabs.findIndex((tab) => tab.id === chosen);
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    const next = tabs[(to + tabs.length) % tabs.length];
    if (!next) return;
    onChoose(next.id);
    list.current?.querySelector<HTMLElement>(`[data-tab="${CSS.escape(next.id)}"]`)?.focus();
  };
  return (
    <div className={`tabs ${className ?? ""}`}>
      <div className={small ? "tablist tablist-small" : "tablist"}>
        <div ref={list} role="tablist" aria-label={label} className="row tablist-tabs" onKeyDown={move}>
          {tabs.map((tab) => (
            <button
              key={tab.id}
              type="button"
              role="tab"
              id={`${base}-${tab.id}`}
              data-tab={tab.id}
              aria-selected={tab.id === chosen}
              aria-controls={`${base}-panel`}
              tabIndex={tab.id === chosen ? 0 : -1}
              className="tab"
              onClick={() => onChoose(tab.id)}
            >
              {tab.label}
            </button>
          ))}
        </div>
        {after}
      </div>
      <div role="tabpanel" id={`${base}-panel`} aria-labelledby={`${base}-${chosen}`} className="tabpanel">
        {children}
      </div>
    </div>
  );
}
