import type { SkeletonSpan } from "../api/types";

/** When the last of them ended; what runs has ended now. */
export function endOf(spans: readonly SkeletonSpan[]): number {
  let end = 1;
  for (const span of spans) end = Math.max(end, span.start_ms + (span.duration_ms ?? 0));
  return end;
}

/** How many calls (models and tools) ran at once in each of `buckets` equal stretches of the time. */
export function concurrency(spans: readonly SkeletonSpan[], from: number, to: number, buckets: number): number[] {
  const width = (to - from) / buckets;
  const changes = new Array<number>(buckets + 1).fill(0);
  if (width <= 0) return changes.slice(0, buckets);
  for (const span of spans) {
    if (span.kind !== "llm" && span.kind !== "tool") continue;
    const end = span.start_ms + (span.duration_ms ?? to - span.start_ms);
    if (end < from || span.start_ms > to) continue;
    const first = Math.max(0, Math.floor((span.start_ms - from) / width));
    const last = Math.min(buckets - 1, Math.max(first, Math.ceil((end - from) / width) - 1));
    if (first >= buckets) continue;
    changes[first] = (changes[first] ?? 0) + 1;
    changes[last + 1] = (changes[last + 1] ?? 0) - 1;
  }
  let now = 0;
  return changes.slice(0, buckets).map((step) => (now += step));
}

/** Times for the axis: about `wanted` of them, at round numbers of milliseconds. */
export function ticks(from: number, to: number, wanted = 6): number[] {
  const rough = (to - from) / wanted;
  if (!(rough > 0)) return [];
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough) ?? rough;
  const found: number[] = [];
  for (let at = Math.ceil(from / step) * step; at <= to; at += step) found.push(at);
  return found;
}
