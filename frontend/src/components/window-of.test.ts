import { expect, test } from "vitest";
import { windowOf } from "./window-of";

test("what is seen is there, with some to spare, and never more than there is", () => {
  expect(windowOf(0, 800, 40, 100_000)).toEqual({ first: 0, last: 30 });
  expect(windowOf(40 * 50_005, 800, 40, 100_000)).toEqual({ first: 49_990, last: 50_040 });
  expect(windowOf(40 * 99_990, 800, 40, 100_000)).toEqual({ first: 99_980, last: 99_999 });
  expect(windowOf(0, 800, 40, 3)).toEqual({ first: 0, last: 2 });
});

test("an empty list has no rows, and a bounce above the top begins at the top", () => {
  expect(windowOf(0, 800, 40, 0)).toEqual({ first: 0, last: -1 });
  expect(windowOf(-60, 800, 40, 50).first).toBe(0);
});

test("a small move draws the same rows", () => {
  expect(windowOf(0, 800, 40, 1000)).toEqual(windowOf(39, 760, 40, 1000));
});
