import { diffLines, diffWordsWithSpace } from "diff";

/** A run of text of a line: the same on both sides, or only on the one that the line is of. */
export interface Run {
  readonly text: string;
  readonly changed: boolean;
}

/** A row of a diff side by side; null where a side has no line. */
export interface DiffRow {
  readonly kind: "same" | "changed" | "added" | "removed";
  readonly left: readonly Run[] | null;
  readonly right: readonly Run[] | null;
  readonly leftNumber: number | null;
  readonly rightNumber: number | null;
}

const WORDS_UP_TO = 4000;
const TIMEOUT_MS = 1500;
const ALIKE = 0.35;

function linesOf(text: string): string[] {
  const lines = text.split("\n");
  if (lines.at(-1) === "") lines.pop();
  return lines;
}

const plain = (text: string): Run[] => [{ text, changed: false }];

/** The words of two lines that changed; both whole, unmarked, where they have little in common or are very long. */
export function words(left: string, right: string): [Run[], Run[]] {
  if (left.length + right.length > WORDS_UP_TO) {
    return [plain(left), plain(right)];
  }
  const before: Run[] = [];
  const after: Run[] = [];
  for (const part of diffWordsWithSpace(left, right)) {
    if (!part.added) before.push({ text: part.value, changed: part.removed });
    if (!part.removed) after.push({ text: part.value, changed: part.added });
  }
  const same = before.reduce((sum, run) => sum + (run.changed ? 0 : run.text.trim().length), 0);
  return same < ALIKE * Math.min(left.trim().length, right.trim().length) ? [plain(left), plain(right)] : [before, after];
}

/** Two texts side by side. Removed lines stand beside the added ones that replace them. */
export function sideBySide(left: string, right: string): DiffRow[] {
  const parts = diffLines(ended(left), ended(right), { timeout: TIMEOUT_MS }) ?? [
    { value: left, removed: true, added: false, count: 0 },
    { value: right, removed: false, added: true, count: 0 },
  ];
  const rows: DiffRow[] = [];
  let leftNumber = 0;
  let rightNumber = 0;
  let removed: string[] = [];
  const flush = (added: string[]) => {
    for (let index = 0; index < Math.max(removed.length, added.length); index += 1) {
      const one = removed[index];
      const other = added[index];
      if (one !== undefined && other !== undefined) {
        const [before, after] = words(one, other);
        rows.push({ kind: "changed", left: before, right: after, leftNumber: ++leftNumber, rightNumber: ++rightNumber });
      } else if (one !== undefined) {
        rows.push({ kind: "removed", left: plain(one), right: null, leftNumber: ++leftNumber, rightNumber: null });
      } else if (other !== undefined) {
        rows.push({ kind: "added", left: null, right: plain(other), leftNumber: null, rightNumber: ++rightNumber });
      }
    }
    removed = [];
  };
  for (const part of parts) {
    if (part.removed) removed.push(...linesOf(part.value));
    else if (part.added) flush(linesOf(part.value));
    else {
      flush([]);
      for (const line of linesOf(part.value)) {
        rows.push({ kind: "same", left: plain(line), right: plain(line), leftNumber: ++leftNumber, rightNumber: ++rightNumber });
      }
    }
  }
  flush([]);
  return rows;
}

// A last line without its end would differ from the same line in the middle of the other text.
function ended(text: string): string {
  return text === "" || text.endsWith("\n") ? text : `${text}\n`;
}

/** How much of two texts differs: lines only on the left, only on the right. */
export function amounts(rows: readonly DiffRow[]): { removed: number; added: number } {
  return {
    removed: rows.filter((row) => row.kind === "changed" || row.kind === "removed").length,
    added: rows.filter((row) => row.kind === "changed" || row.kind === "added").length,
  };
}
