const whole = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const short = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

export const DASH = "–";

/** 1234567 → "1,234,567". */
export function count(value: number | null | undefined): string {
  return value === null || value === undefined ? DASH : whole.format(value);
}

/** 1234567 → "1.2M". */
export function compact(value: number | null | undefined): string {
  return value === null || value === undefined ? DASH : short.format(value);
}

/** `one` of them, or `many`: plural(2, "step") → "2 steps". */
export function plural(value: number, one: string, many = `${one}s`): string {
  return `${count(value)} ${value === 1 ? one : many}`;
}

/** Milliseconds as a reader says them: 0.4 → "0.4 ms", 61000 → "1m 1s". */
export function duration(ms: number | null | undefined): string {
  if (ms === null || ms === undefined) return DASH;
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  return `${Math.floor(seconds / 3600)}h ${Math.floor((seconds % 3600) / 60)}m`;
}

/** A reward or a rate with two digits: 0.5 → "0.50". */
export function score(value: number | null | undefined): string {
  return value === null || value === undefined ? DASH : value.toFixed(2);
}

export function percent(value: number | null | undefined): string {
  return value === null || value === undefined ? DASH : `${(value * 100).toFixed(value > 0 && value < 0.1 ? 1 : 0)}%`;
}

/** US dollars, as many digits as say something. */
export function dollars(value: number | null | undefined): string {
  if (value === null || value === undefined) return DASH;
  return `$${value === 0 || value >= 0.1 ? value.toFixed(2) : value.toPrecision(2)}`;
}

export function bytes(value: number | null | undefined): string {
  if (value === null || value === undefined) return DASH;
  if (value < 1024) return `${value} B`;
  if (value < 1024 * 1024) return `${(value / 1024).toFixed(1)} kB`;
  return `${(value / 1024 / 1024).toFixed(1)} MB`;
}

/** How long ago: "now", "4m", "3h", "2d", then the date. */
export function ago(iso: string | null | undefined, now = Date.now()): string {
  if (!iso) return DASH;
  const seconds = Math.max(0, (now - Date.parse(iso)) / 1000);
  if (seconds < 45) return "now";
  if (seconds < 3600) return `${Math.max(1, Math.round(seconds / 60))}m`;
  if (seconds < 86_400) return `${Math.round(seconds / 3600)}h`;
  if (seconds < 7 * 86_400) return `${Math.round(seconds / 86_400)}d`;
  return iso.slice(0, 10);
}

/** The moment in the reader's own time zone, to the second. */
export function moment(iso: string | null | undefined): string {
  if (!iso) return DASH;
  const date = new Date(iso);
  return Number.isNaN(date.valueOf()) ? iso : date.toLocaleString("sv-SE", { hour12: false });
}
