import { expect, test } from "vitest";
import { nextSort, sorted } from "./sort";

const by = (value: number | string | null) => value;

test("what has no value comes last in either direction", () => {
  expect(sorted([2, null, 1], by, "up")).toEqual([1, 2, null]);
  expect(sorted([2, null, 1], by, "down")).toEqual([2, 1, null]);
});

test("names with numbers sort as people count", () => {
  expect(sorted(["key 10", "key 9", "Key 1"], by, "up")).toEqual(["Key 1", "key 9", "key 10"]);
});

test("without a column the server's order stays", () => {
  expect(sorted([3, 1, 2], undefined)).toEqual([3, 1, 2]);
});

test("a column begins with its largest and turns round when asked again", () => {
  const first = nextSort(undefined, "cost");
  expect(first).toEqual({ id: "cost", direction: "down" });
  expect(nextSort(first, "cost")).toEqual({ id: "cost", direction: "up" });
  expect(nextSort(first, "name")).toEqual({ id: "name", direction: "down" });
});
