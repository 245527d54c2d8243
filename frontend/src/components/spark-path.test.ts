import { expect, test } from "vitest";
import { linePath } from "./spark-path";

test("the largest number touches the top and nothing the floor", () => {
  expect(linePath([0, 5, 10], 100, 42).line).toBe("M0 41L50 21L100 1");
});

test("one number is a flat line, and no numbers are no line", () => {
  expect(linePath([3], 100, 42).line).toBe("M0 1L100 1");
  expect(linePath([], 100, 42)).toEqual({ line: "", area: "" });
});

test("where nothing happened the line lies on the floor", () => {
  expect(linePath([0, 0], 100, 42).line).toBe("M0 41L100 41");
});
