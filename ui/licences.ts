import { existsSync, readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { Plugin } from "vite";

/** Puts `licences.txt` beside the bundle: each package that is in it, with its licence as it came. */
export function licences(): Plugin {
  return {
    name: "licences",
    generateBundle(_, bundle) {
      const found = new Map<string, string>();
      for (const chunk of Object.values(bundle)) {
        for (const id of chunk.type === "chunk" ? chunk.moduleIds : []) {
          const folder = packageOf(id);
          if (folder) found.set(...described(folder));
        }
      }
      const css = packageOf(join(import.meta.dirname, "node_modules/uplot/dist/uPlot.min.css"));
      if (css) found.set(...described(css));
      const source = [...found.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([name, text]) => `${name}\n\n${text.trim()}\n`).join(`\n${"-".repeat(80)}\n\n`);
      this.emitFile({ type: "asset", fileName: "licences.txt", source });
    },
  };
}

function packageOf(id: string): string | null {
  if (!id.includes("node_modules")) return null;
  for (let folder = dirname(id.replace(/^\0/, "").split("?")[0] ?? ""); folder !== dirname(folder); folder = dirname(folder)) {
    const file = join(folder, "package.json");
    if (existsSync(file) && "version" in (JSON.parse(readFileSync(file, "utf8")) as object)) return folder;
  }
  return null;
}

function described(folder: string): [string, string] {
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8")) as { name: string; version: string; license: string };
  const file = readdirSync(folder).find((name) => /^licen[cs]e/i.test(name));
  return [`${about.name} ${about.version} (${about.license})`, file ? readFileSync(join(folder, file), "utf8") : about.license];
}
