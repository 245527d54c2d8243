import { expect, test } from "vitest";
import { partsOf } from "./breakdown";

test("input is told apart without counting anything twice", () => {
  const counts = { input_tokens: 100, cache_read_tokens: 60, cache_write_tokens: 30, cache_write_1h_tokens: 10, output_tokens: 7, reasoning_tokens: 3 } as Parameters<typeof partsOf>[0];
  expect(partsOf(counts)).toEqual([
    { part: "fresh", tokens: 10 },
    { part: "cacheRead", tokens: 60 },
    { part: "cacheWrite", tokens: 20 },
    { part: "cacheWrite1h", tokens: 10 },
    { part: "output", tokens: 4 },
    { part: "reasoning", tokens: 3 },
  ]);
  expect(partsOf({ ...counts, cache_write_tokens: 0, cache_write_1h_tokens: 0, cache_read_tokens: 100, reasoning_tokens: 9 }).map(({ part }) => part)).toEqual(["cacheRead", "reasoning"]);
});
