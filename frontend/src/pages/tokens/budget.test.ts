import { expect, test } from "vitest";
import { plus, standing } from "./budget";

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
