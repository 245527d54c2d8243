import { expect, test } from "vitest";
import { plus, softLimit, standing } from "./budget";

test("spent and held stand side by side and never leave the bar", () => {
  expect(standing({ limit: "10", spent: "4", held: "1" })).toEqual({ spent: 0.4, held: 0.1, left: 5, isUsedUp: false });
  expect(standing({ limit: "10", spent: "9", held: "5" })).toMatchObject({ spent: 0.9, left: 0, isUsedUp: true });
  expect(standing({ limit: "10", spent: "12", held: "5" })).toMatchObject({ spent: 1, held: 0 });
  expect(standing({ limit: "0" })).toMatchObject({ spent: 1, isUsedUp: true });
});

test.each([
  ["5", "10.00"],
  ["0.000000001", "5.000000001"],
  ["12.5", "17.50"],
  [".25", "5.25"],
])("%s and five dollars are %s", (limit, expected) => {
  expect(plus(limit, 5)).toBe(expected);
});

test("a soft limit is the first at which anybody is told of every budget", () => {
  const rule = (threshold: string | null, more = {}) => ({ kind: "budget_used" as const, enabled: true, threshold, only: [], ...more });
  expect(softLimit([rule("90"), rule(null), rule("100")])).toBe(0.8);
  expect(softLimit([rule("50", { enabled: false }), rule("60", { only: ["token:7"] }), rule("95")])).toBe(0.95);
  expect(softLimit([{ ...rule("50"), kind: "error_rate" }])).toBeUndefined();
});
