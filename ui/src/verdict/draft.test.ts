import { describe, expect, it } from "vitest";
import type { Criterion } from "../api/types";
import { actionsOf, EMPTY, isEmpty, keyOf, pointsOf, scoreOfKey } from "./draft";

const criterion = (min: number, max: number, step: number): Criterion => ({ name: "c", description: "", per: "session", min, max, step, labels: [] });

describe("a draft", () => {
  it("becomes actions, the verdict last", () => {
    const draft = {
      ...EMPTY, verdict: "approved" as const, note: " good ", stepNotes: { 2: "why?" }, addTags: ["t"], dropTags: ["u"],
      scores: { [keyOf("quality", null)]: 4, [keyOf("a@b", -1)]: 2 },
    };
    expect(actionsOf(draft)).toEqual([
      { kind: "score", criterion: "quality", step: null, score: 4 },
      { kind: "score", criterion: "a@b", step: -1, score: 2 },
      { kind: "note", text: "why?", step: 2 },
      { kind: "tag", tag: "t" },
      { kind: "untag", tag: "u" },
      { kind: "note", text: "good", step: null },
      { kind: "verdict", verdict: "approved", final: false },
    ]);
    expect([isEmpty(EMPTY), isEmpty({ ...EMPTY, note: "  " }), isEmpty(draft)]).toEqual([true, true, false]);
  });
});

describe("a scale", () => {
  it("has its points as keys", () => {
    expect(pointsOf(criterion(1, 5, 1))).toEqual([1, 2, 3, 4, 5]);
    expect([scoreOfKey(criterion(1, 5, 1), 5), scoreOfKey(criterion(1, 5, 1), 6), scoreOfKey(criterion(0, 1, 0.5), 2)]).toEqual([5, null, 0.5]);
  });
  it("with more points than keys is spread over them", () => {
    expect(pointsOf(criterion(0, 100, 1))).toEqual([]);
    expect([1, 5, 9].map((digit) => scoreOfKey(criterion(0, 100, 1), digit))).toEqual([0, 50, 100]);
    expect(scoreOfKey(criterion(0, 1, 0.05), 2)).toBe(0.15);
  });
});
