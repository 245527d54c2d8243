import { expect, test } from "vitest";
import { period, searches } from "./search";

test("what makes no sense in a URL is left out", () => {
  expect(searches.requests({ status: "weird", key_id: "-3", token_id: "7", model: "", q: 42, other: "x" })).toEqual({
    token_id: 7,
    q: "42",
  });
});

const NOW = Date.parse("2026-11-28T12:00:00Z");

test("a page looks back as long as it says, or as long as is usual", () => {
  expect(period({}, "24h", NOW)).toEqual({ from: "2026-11-27T12:00:00.000Z", ms: 86_400_000 });
  expect(period({ span: "1h" }, "24h", NOW).from).toBe("2026-11-28T11:00:00.000Z");
});

test("a dragged period wins, and a broken or reversed one is no period", () => {
  const dragged = { from: "2026-11-20T00:00:00Z", to: "2026-11-21T00:00:00Z" };
  expect(period(dragged, "24h", NOW)).toMatchObject({ to: "2026-11-21T00:00:00.000Z", ms: 86_400_000 });
  expect(period({ from: "soon", span: "1h" }, "24h", NOW).ms).toBe(3_600_000);
  expect(period({ from: dragged.to, to: dragged.from }, "1h", NOW).ms).toBe(3_600_000);
});
