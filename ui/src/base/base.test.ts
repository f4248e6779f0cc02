import { describe, expect, it } from "vitest";
import { ago, bytes, dollars, duration, percent, plural } from "./format";
import { isTyping, nameOf } from "./keys";
import { amounts, sideBySide, words } from "./lines";
import { href } from "./place";

describe("a diff", () => {
  const kinds = (left: string, right: string) => sideBySide(left, right).map((row) => row.kind);
  it("sets changed lines beside each other, and marks the words", () => {
    const rows = sideBySide("a\nthe size is 3 MB\nz", "a\nthe size is 4 MB\nz");
    expect(rows.map((row) => row.kind)).toEqual(["same", "changed", "same"]);
    expect(rows[1]?.left?.filter((run) => run.changed).map((run) => run.text)).toEqual(["3"]);
    expect(rows[1]?.right?.filter((run) => run.changed).map((run) => run.text)).toEqual(["4"]);
  });
  it("has what only one side has, and numbers each side by itself", () => {
    expect(kinds("a\nb", "a")).toEqual(["same", "removed"]);
    expect(kinds("", "a")).toEqual(["added"]);
    expect(kinds("a", "a\n")).toEqual(["same"]);
    expect(sideBySide("x\na", "a").at(-1)).toMatchObject({ leftNumber: 2, rightNumber: 1 });
  });
  it("marks no words in lines that have little in common", () => {
    expect(words("alpha beta", "gamma delta epsilon").flat().some((run) => run.changed)).toBe(false);
  });
  it("keeps both texts whole", () => {
    const texts = ["", "a", "a\nb\nc", "Zwölf Boxkämpfer\n\n\tjagen 维克多", "x".repeat(9000)];
    for (const left of texts) {
      for (const right of texts) {
        const rows = sideBySide(left, right);
        const side = (which: "left" | "right") => rows.filter((row) => row[which]).map((row) => row[which]?.map((run) => run.text).join("")).join("\n");
        expect(side("left")).toBe(left);
        expect(side("right")).toBe(right);
        expect(amounts(rows).added + amounts(rows).removed > 0).toBe(left !== right);
      }
    }
  });
});

describe("numbers", () => {
  it("are said as a reader says them", () => {
    expect([duration(0.4), duration(420), duration(4200), duration(61_000), duration(3_720_000), duration(null)]).toEqual(["0.4 ms", "420 ms", "4.20 s", "1m 1s", "1h 2m", "–"]);
    expect([dollars(0.0031), dollars(1.5), dollars(null)]).toEqual(["$0.0031", "$1.50", "–"]);
    expect([bytes(3), bytes(2048), bytes(3 << 20)]).toEqual(["3 B", "2.0 kB", "3.0 MB"]);
    expect([percent(0.031), percent(0.5), plural(1, "step"), plural(2, "step")]).toEqual(["3.1%", "50%", "1 step", "2 steps"]);
    const now = Date.parse("2026-11-29T12:00:00Z");
    expect([ago("2026-11-29T11:59:40Z", now), ago("2026-11-29T11:56:00Z", now), ago("2026-11-01T00:00:00Z", now)]).toEqual(["now", "4m", "2026-11-01"]);
  });
});

describe("keys", () => {
  it("are named as bindings name them, and leave the browser's own alone", () => {
    const named = (init: KeyboardEventInit) => nameOf(new KeyboardEvent("keydown", init));
    expect([named({ key: "j" }), named({ key: "?", shiftKey: true }), named({ key: "Enter", ctrlKey: true }), named({ key: "r", metaKey: true }), named({ key: "a", altKey: true })]).toEqual(["j", "?", "mod+Enter", "", ""]);
  });
  it("know where somebody types", () => {
    const field = document.createElement("textarea");
    const box = Object.assign(document.createElement("input"), { type: "checkbox" });
    expect([isTyping(field), isTyping(box), isTyping(document.body)]).toEqual([true, false, false]);
  });
});

describe("addresses", () => {
  it("leave out what is not asked", () => {
    expect(href("/queue", { s: 4, text: "a b", failed: false, tag: null })).toBe("/queue?s=4&text=a+b");
  });
});
