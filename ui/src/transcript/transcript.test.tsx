import { cleanup, render, screen } from "@testing-library/react";
import { afterEach, describe, expect, it } from "vitest";
import { attempt, call, message, session, span, step } from "../testing";
import { Call } from "./Call";
import { answerText, chatOf, isPaired } from "./chat";
import { rowsOf, lastAttempt } from "./rows";
import { concurrency, endOf, ticks } from "./timeline";
import { treeRows } from "./tree";

afterEach(cleanup);

describe("the transcript's rows", () => {
  const twice = step(1, [attempt(1, { valid: false, guidance: ["look again"] }), attempt(2, { valid: true })]);
  const spans = [
    span("root", { kind: "session" }),
    span("plan", { parent: "root", start_ms: 1 }),
    span("s1", { kind: "step", parent: "root", start_ms: 2, step: 1, attempt: 1 }),
    span("a", { parent: "s1", start_ms: 3, step: 1, attempt: 1 }),
    span("b", { parent: "a", kind: "tool", start_ms: 4, step: 1, attempt: 1 }),
    span("verdict", { kind: "custom", name: "validation", duration_ms: 0, start_ms: 5, step: null }),
    span("c", { start_ms: 6, step: 1, attempt: 2 }),
    span("late", { start_ms: 9 }),
  ];
  const keys = (tab: number | "diff") => rowsOf(session([twice], { final_answer: "done" }), spans, () => tab).map((row) => row.key);

  it("has the last attempt by default, with the guidance that led to it", () => {
    expect(lastAttempt(twice)).toBe(2);
    expect(keys(2)).toEqual(["around-plan", "plan", "step-1", "before-1-2", "c", "outcome-1-2", "around-late", "late", "answer"]);
  });
  it("has an attempt's own calls, indented below each other, and what the teacher said then", () => {
    const rows = rowsOf(session([twice]), spans, () => 1);
    expect(rows.map((row) => row.key)).toContain("after-1-1");
    expect(rows.flatMap((row) => (row.type === "span" ? [[row.span.id, row.depth]] : []))).toEqual([["plan", 0], ["a", 0], ["b", 1], ["late", 0]]);
  });
  it("has the diff in place of the calls", () => {
    expect(keys("diff")).toEqual(["around-plan", "plan", "step-1", "diff-1", "around-late", "late", "answer"]);
  });
  it("ends with why the session failed, where only its own span says so", () => {
    const failed = span("root", { kind: "session", status: "failed", error: "boom" });
    expect(rowsOf(session([]), [failed], () => 1).map((row) => row.type)).toEqual(["answer"]);
  });
  it("keeps a step that never ran behind the one before it", () => {
    const rows = rowsOf(session([step(1, [attempt(1)]), step(2, [])]), [span("x", { start_ms: 5, step: 1 })], lastAttempt);
    expect(rows.flatMap((row) => (row.type === "step" ? [row.step.step_id] : []))).toEqual([1, 2]);
  });
});

describe("the tree", () => {
  it("is depth first, counts what is below, and leaves out what is below a closed one", () => {
    const spans = [span("a"), span("b", { parent: "a" }), span("c", { parent: "b" }), span("d", { parent: "a" }), span("orphan", { parent: "gone" })];
    expect(treeRows(spans, new Set()).map((row) => [row.span.id, row.depth, row.below])).toEqual([["a", 0, 3], ["b", 1, 1], ["c", 2, 0], ["d", 1, 0], ["orphan", 0, 0]]);
    expect(treeRows(spans, new Set(["b"])).map((row) => row.span.id)).toEqual(["a", "b", "d", "orphan"]);
  });
  it("takes a chain of ten thousand", () => {
    const spans = Array.from({ length: 10_000 }, (_, index) => span(`s${index}`, { parent: index ? `s${index - 1}` : null }));
    expect(treeRows(spans, new Set()).at(-1)?.depth).toBe(9_999);
  });
});

describe("the timeline", () => {
  it("counts how many calls ran at once", () => {
    const spans = [span("a", { start_ms: 0, duration_ms: 10 }), span("b", { start_ms: 5, duration_ms: 5 }), span("s", { kind: "step", duration_ms: 10 })];
    expect(endOf(spans)).toBe(10);
    expect(concurrency(spans, 0, 10, 4)).toEqual([1, 1, 2, 2]);
  });
  it("has round times on its axis", () => {
    expect(ticks(0, 100)).toEqual([0, 20, 40, 60, 80, 100]);
    expect(ticks(0, 0)).toEqual([]);
  });
});

describe("a model call", () => {
  const text = (said: string) => ({ kind: "text" as const, text: said });
  const asks = { kind: "tool_call" as const, id: "c1", name: "sql", arguments: '{"query":"SELECT 1"}' };
  const gave = { kind: "tool_result" as const, id: "c1", name: "sql", error: false, parts: [text("one")] };
  const long = call(
    [message("system", [text("be good")]), message("user", [text("first")]), message("assistant", [text("yes")]), message("user", [text("second")]), message("assistant", [asks]), message("tool", [gave])],
    [text("the answer")],
  );

  it("folds what an earlier call has shown, and has each tool call beside its result", () => {
    const chat = chatOf(long);
    expect(chat.earlier.length).toBe(3);
    expect(chat.fresh.map((one) => one.role)).toEqual(["assistant", "tool"]);
    expect(isPaired(chat.fresh[1] ?? message("x", []), chat.paired)).toBe(true);
    expect(answerText(long)).toBe("the answer");
  });
  it("shows what is hostile as text", () => {
    const evil = '<img src=x onerror="window.hit=1"><script>window.hit=1</script>';
    render(<Call call={call([message("user", [text(evil)])], [text(evil), { ...asks, arguments: JSON.stringify({ [evil]: evil }) }])} correction={null} />);
    expect(screen.getAllByText(evil, { exact: false }).length).toBeGreaterThan(1);
    expect(document.querySelector("img, script")).toBeNull();
  });
  it("loads nothing that a trace names", () => {
    render(<Call call={call([message("user", [{ kind: "media", modality: "image", mime_type: "image/png", name: null, uri: "https://evil.example/pixel.png", file_id: null, data: null, bytes: null }])], [])} correction={null} />);
    expect(document.querySelector("img")).toBeNull();
    expect(screen.getByText("https://evil.example/pixel.png")).toBeTruthy();
  });
  it("shows an SVG by its name only", () => {
    render(<Call call={call([message("user", [{ kind: "media", modality: "image", mime_type: "image/svg+xml", name: "x.svg", uri: null, file_id: null, data: "PHN2Zy8+", bytes: 6 }])], [])} correction={null} />);
    expect(document.querySelector("img")).toBeNull();
  });
});
