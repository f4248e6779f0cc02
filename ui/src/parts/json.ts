/** JSON as it comes from `JSON.parse`. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };

const LARGE = 200_000;

/** The value that `text` is as JSON: an object or a list; undefined where it is neither, or is very large. */
export function structured(text: string): Json | undefined {
  const first = text.trimStart()[0];
  if ((first !== "{" && first !== "[") || text.length > LARGE) return undefined;
  try {
    return JSON.parse(text) as Json;
  } catch {
    return undefined;
  }
}

const WIDTH = 88;

/** How `text` is best read: JSON in lines of a readable width, else as it is. */
export function pretty(text: string): string {
  const value = structured(text);
  return value === undefined ? text : laidOut(value, "");
}

/** JSON in which what fits into a line stays in one. */
function laidOut(value: Json, indent: string): string {
  const line = JSON.stringify(value);
  if (value === null || typeof value !== "object" || line.length + indent.length <= WIDTH) return spaced(value);
  const inner = `${indent}  `;
  if (Array.isArray(value)) {
    return `[\n${(value as readonly Json[]).map((one) => inner + laidOut(one, inner)).join(",\n")}\n${indent}]`;
  }
  const fields = Object.entries(value as Flat).map(([key, one]) => `${inner}${JSON.stringify(key)}: ${laidOut(one, inner)}`);
  return `{\n${fields.join(",\n")}\n${indent}}`;
}

function spaced(value: Json): string {
  if (value === null || typeof value !== "object") return JSON.stringify(value);
  if (Array.isArray(value)) return `[${(value as readonly Json[]).map(spaced).join(", ")}]`;
  const fields = Object.entries(value as Flat).map(([key, one]) => `${JSON.stringify(key)}: ${spaced(one)}`);
  return fields.length ? `{ ${fields.join(", ")} }` : "{}";
}

export type Flat = { readonly [key: string]: Json };

/** The columns of a list of objects that make a table: all flat, with few keys; null where it is no table. */
export function columnsOf(value: readonly Json[]): string[] | null {
  if (value.length < 2) return null;
  const keys = new Set<string>();
  for (const row of value) {
    if (row === null || typeof row !== "object" || Array.isArray(row)) return null;
    for (const [key, cell] of Object.entries(row)) {
      if (cell !== null && typeof cell === "object") return null;
      if (typeof cell === "string" && cell.length > 300) return null;
      keys.add(key);
    }
  }
  return keys.size > 0 && keys.size <= 8 ? [...keys] : null;
}
