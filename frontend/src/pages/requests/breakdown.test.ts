import { expect, test } from "vitest";
import { partsOf } from "./breakdown";

test("input is told apart without counting anything twice", () => {
  const counts = { input_tokens: 100, cache_read_tokens: 60, cache_write_tokens: 30, output_tokens: 7 } as Parameters<typeof partsOf>[0];
  expect(partsOf(counts)).toEqual([
    { part: "fresh", tokens: 10 },
    { part: "cacheRead", tokens: 60 },
    { part: "cacheWrite", tokens: 30 },
    { part: "output", tokens: 7 },
  ]);
  expect(partsOf({ ...counts, cache_write_tokens: 0, cache_read_tokens: 100 }).map(({ part }) => part)).toEqual(["cacheRead", "output"]);
});
