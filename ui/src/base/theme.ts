import { keep, kept } from "./storage";

export type Theme = "system" | "light" | "dark";

/** Show what was chosen; the system's choice where nothing was. */
export function applyTheme(theme: Theme = kept<Theme>("theme", "system")): void {
  if (theme === "system") delete document.documentElement.dataset["theme"];
  else document.documentElement.dataset["theme"] = theme;
}

export function isDark(): boolean {
  const chosen = document.documentElement.dataset["theme"];
  return chosen ? chosen === "dark" : window.matchMedia("(prefers-color-scheme: dark)").matches;
}

/** From light to dark or back; kept for the next visit. */
export function toggleTheme(): void {
  const next: Theme = isDark() ? "light" : "dark";
  keep("theme", next);
  applyTheme(next);
  window.dispatchEvent(new Event("atlas:theme"));
}
