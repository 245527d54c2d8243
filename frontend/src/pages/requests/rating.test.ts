import { expect, test } from "vitest";
import type { OneModel, PriceNow } from "../models/priced";
import { rate } from "./rating";

const rates = { input: "3", cache_read: "0.3", cache_write_5m: "3.75", cache_write_1h: "6", output: "15", reasoning: "15" };
const price: PriceNow = {
  ...rates, version: "seed:1", multipliers: { fast: "2" },
  tiers: { batch: { ...rates, input: "1.5", output: "7.5" } },
  long_context: [{ ...rates, above_input_tokens: 200_000, input: "6", output: "22.5" }],
};
const found: OneModel = {
  model: "m",
  items: [{ model: "m", provider: "anthropic", price }],
  history: [{ id: 7, create_time: "", version: "row:7", origin: "own", provider: null, model: "m", valid_from: "", price: { input: "2", output: "8" }, source: "", who: "", note: "" }],
};

const attempt = {
  provider: "anthropic", price_version: "seed:1", cost: "0.006345000", price_factor: null as string | null,
  input_tokens: 1_500, output_tokens: 200, total_tokens: 1_700, cache_read_tokens: 400, cache_write_tokens: 100, cache_write_5m_tokens: 100, cache_write_1h_tokens: 0, reasoning_tokens: 50,
};
const told = (more: Partial<typeof attempt>) => rate({ ...attempt, ...more }, found);

test("each part is its tokens times its price, and all of them are what was booked", () => {
  // 1000 × 3 + 400 × 0.3 + 100 × 3.75 + 150 × 15 + 50 × 15, per million.
  const cost = "0.006495000";
  expect(told({ cost })?.parts.map(({ part, tokens, rate, cost }) => [part, tokens, rate, cost])).toEqual([
    ["fresh", 1_000, "3", "0.003000000"],
    ["cacheRead", 400, "0.3", "0.000120000"],
    ["cacheWrite", 100, "3.75", "0.000375000"],
    ["output", 150, "15", "0.002250000"],
    ["reasoning", 50, "15", "0.000750000"],
  ]);
  expect(told({ cost })?.factor).toBe("1.000000000");
});

test("terms and the key's factor explain other costs", () => {
  expect(told({ cost: "0.005196000", price_factor: "0.8" })?.factor).toBe("0.800000000");
  expect(told({ cost: "0.012990000" })?.factor).toBe("2.000000000");
  const plain = { cache_read_tokens: 0, cache_write_tokens: 0, cache_write_5m_tokens: 0, reasoning_tokens: 0 };
  expect(told({ ...plain, cost: "0.003750000" })?.parts[0]?.rate).toBe("1.5");
  expect(told({ ...plain, input_tokens: 300_000, output_tokens: 0, cost: "1.800000000" })?.parts[0]?.rate).toBe("6");
});

test("a price of the past is found by its name, and caches cost as much as fresh input where it does not say", () => {
  const parts = told({ price_version: "row:7", cost: "0.004600000" })?.parts;
  expect(parts?.map(({ rate }) => rate)).toEqual(["2", "2", "2", "8", "8"]);
});

test("what no known price explains is not made up", () => {
  expect(told({ cost: "0.006000000" })).toBeUndefined();
  expect(told({ price_version: "seed:0" })).toBeUndefined();
  expect(rate({ ...attempt, cost: null }, found)).toBeUndefined();
});
