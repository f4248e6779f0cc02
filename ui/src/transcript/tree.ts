import type { SkeletonSpan } from "../api/types";

export interface TreeRow {
  readonly span: SkeletonSpan;
  readonly depth: number;
  /** How many spans are below it. */
  readonly below: number;
  readonly open: boolean;
}

/** The spans as a tree, depth first, without what is below a closed one. Never recursive: a tree may be deep. */
export function treeRows(spans: readonly SkeletonSpan[], closed: ReadonlySet<string>): TreeRow[] {
  const known = new Set(spans.map((span) => span.id));
  const children = new Map<string | null, SkeletonSpan[]>();
  for (const span of spans) {
    const parent = span.parent !== null && known.has(span.parent) && span.parent !== span.id ? span.parent : null;
    const list = children.get(parent);
    if (list) list.push(span);
    else children.set(parent, [span]);
  }
  const order: { span: SkeletonSpan; depth: number }[] = [];
  const stack = (children.get(null) ?? []).map((span) => ({ span, depth: 0 })).reverse();
  for (let next = stack.pop(); next; next = stack.pop()) {
    order.push(next);
    const below = children.get(next.span.id) ?? [];
    for (let index = below.length - 1; index >= 0; index -= 1) {
      const child = below[index];
      if (child) stack.push({ span: child, depth: next.depth + 1 });
    }
  }
  const below = new Array<number>(order.length).fill(0);
  const open: number[] = [];
  order.forEach((one, index) => {
    while (open.length > 0 && (order[open.at(-1) ?? 0]?.depth ?? 0) >= one.depth) open.pop();
    for (const above of open) below[above] = (below[above] ?? 0) + 1;
    open.push(index);
  });
  const rows: TreeRow[] = [];
  let hiddenBelow = Infinity;
  order.forEach((one, index) => {
    if (one.depth > hiddenBelow) return;
    hiddenBelow = Infinity;
    const isOpen = !closed.has(one.span.id);
    rows.push({ ...one, below: below[index] ?? 0, open: isOpen });
    if (!isOpen) hiddenBelow = one.depth;
  });
  return rows;
}
