import { describe, expect, it } from "vitest";
import { orderOf, paramsOf, queryOf, sameQuery } from "./filters";

describe("filters in the URL", () => {
  it("ask for what waits, unless another status is named", () => {
    expect(queryOf({})).toEqual({ review_status: "pending" });
    expect(queryOf({ review_status: "all" })).toEqual({});
    expect(queryOf({ review_status: "approved" })).toEqual({ review_status: "approved" });
  });
  it("take what they know, and nothing that would be refused", () => {
    expect(queryOf({ review_status: "all", status: "failed", min_reward: "0.5", max_reward: "x", since: "2026-11-01", until: "never", failed: "true", reason: "nonsense", agent: "a&b" })).toEqual({
      status: "failed", min_reward: 0.5, since: "2026-11-01T00:00:00.000Z", failed: true, agent: "a&b",
    });
    expect([orderOf({}), orderOf({ order: "newest" }), orderOf({ order: "x" })]).toEqual(["attention", "newest", "attention"]);
  });
  it("come back as they were", () => {
    for (const query of [{}, { review_status: "pending" as const }, { agent: "x", min_reward: 0.25, failed: true, review_status: "quarantined" as const }, { text: "ü 漢", reason: "tie" as const }]) {
      const params = Object.fromEntries(Object.entries(paramsOf(query)).filter(([, value]) => value !== null)) as Record<string, string>;
      expect(sameQuery(queryOf(params), query)).toBe(true);
    }
  });
});
