import type { ReactNode } from "react";
import { useEffect, useId, useRef } from "react";
import { createPortal } from "react-dom";
import { Icon } from "./Icon";

interface Props {
  readonly title: string;
  readonly onClose: () => void;
  readonly children: ReactNode;
  readonly footer?: ReactNode;
  readonly wide?: boolean;
  readonly onSubmit?: () => void;
}

const STOPS = "a[href], button:not(:disabled), input:not(:disabled), select, textarea, [tabindex='0']";

/** A modal dialog: the focus stays inside and goes back when it closes; Escape closes it, mod+Enter submits it. */
export function Dialog({ title, onClose, children, footer, wide, onSubmit }: Props) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  useEffect(() => {
    const before = document.activeElement;
    const first = box.current?.querySelector<HTMLElement>("[data-first]") ?? box.current?.querySelector<HTMLElement>(".dialog-body " + STOPS.split(", ").join(", .dialog-body "));
    (first ?? box.current)?.focus();
    return () => {
      if (before instanceof HTMLElement) before.focus();
    };
  }, []);
  const heard = (event: React.KeyboardEvent) => {
    if (event.key === "Escape") {
      event.stopPropagation();
      onClose();
    } else if (event.key === "Enter" && (event.metaKey || event.ctrlKey) && onSubmit) {
      event.preventDefault();
      event.stopPropagation();
      onSubmit();
    } else if (event.key === "Tab") {
      const stops = [...(box.current?.querySelectorAll<HTMLElement>(STOPS) ?? [])].filter((stop) => stop.offsetParent !== null);
      const edge = event.shiftKey ? stops[0] : stops.at(-1);
      if (document.activeElement === edge || document.activeElement === box.current) {
        event.preventDefault();
        (event.shiftKey ? stops.at(-1) : stops[0])?.focus();
      }
    }
  };
  return createPortal(
    <div className="veil" onMouseDown={(event) => event.target === event.currentTarget && onClose()}>
      <div ref={box} className={wide ? "dialog dialog-wide" : "dialog"} role="dialog" aria-modal="true" aria-labelledby={id} tabIndex={-1} onKeyDown={heard}>
        <header className="dialog-head">
          <h2 id={id}>{title}</h2>
          <button type="button" className="iconbutton push" onClick={onClose} aria-label="Close"><Icon name="cross" /></button>
        </header>
        <div className="dialog-body">{children}</div>
        {footer ? <footer className="dialog-foot">{footer}</footer> : null}
      </div>
    </div>,
    document.body,
  );
}
