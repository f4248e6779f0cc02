import type { MouseEvent } from "react";
import { useConnection } from "../api/connection";
import type { Me, Setup } from "../api/types";
import { go, usePlace } from "../base/place";
import { toggleTheme } from "../base/theme";
import { Icon } from "../parts/Icon";
import { Kbd } from "../parts/small";

export const VIEWS = [
  { path: "/queue", name: "Queue", key: "q" },
  { path: "/live", name: "Live", key: "l" },
  { path: "/compare", name: "Compare", key: "c" },
  { path: "/plots", name: "Plots", key: "p" },
  { path: "/datasets", name: "Datasets", key: "d" },
] as const;

export type ViewPath = (typeof VIEWS)[number]["path"];

/** A click that the page itself follows; with a modifier the browser does. */
export function follow(event: MouseEvent, path: string): void {
  if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
  event.preventDefault();
  go(path);
}

export function Header({ me, setup, onHelp }: { me: Me | undefined; setup: Setup | undefined; onHelp: () => void }) {
  const { path } = usePlace();
  const state = useConnection();
  return (
    <header className="header">
      <a className="mark" href="/queue" onClick={(event) => follow(event, "/queue")}>
        <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true">
          <rect width="32" height="32" rx="8" className="mark-ground" />
          <path d="M8 22 16 9l8 13" fill="none" className="mark-line" strokeWidth="2.6" strokeLinecap="round" strokeLinejoin="round" />
          <circle cx="16" cy="22" r="2.4" className="mark-dot" />
        </svg>
        <span>Atlas</span>
      </a>
      <nav className="views" aria-label="Views">
        {VIEWS.map((view) => (
          <a
            key={view.path}
            href={view.path}
            className="view-link"
            aria-current={path === view.path ? "page" : undefined}
            title={`g then ${view.key}`}
            onClick={(event) => follow(event, view.path)}
          >
            {view.name}
          </a>
        ))}
      </nav>
      <div className="row push header-end">
        {setup ? (
          <span className="database small quiet cut" title={`Database ${setup.database}`}>
            <span className={state === "ready" ? "lamp lamp-good" : "lamp lamp-bad"} aria-hidden="true" />
            <span className="cut">{setup.database}</span>
            <span className="unseen">{state === "ready" ? "answers" : "does not answer"}</span>
          </span>
        ) : null}
        {me ? (
          <span className="row small soft who" title={`You may ${me.role}`}>
            <Icon name="user" /><span className="cut">{me.user}</span><span className="quiet">{me.role}</span>
          </span>
        ) : null}
        <button type="button" className="iconbutton" onClick={toggleTheme} aria-label="Light or dark" title="Light or dark (t)"><Icon name="sun" size={16} /></button>
        <button type="button" className="iconbutton row" onClick={onHelp} aria-label="All keys" title="All keys (?)"><Icon name="help" size={16} /><Kbd>?</Kbd></button>
      </div>
    </header>
  );
}
