import { expect, test } from "vitest";
import { differences, noRates, ownPrice, plain, priceBody, ratesOf } from "./price";
import type { PriceRow } from "./priced";

const row = (id: number, origin: string, provider: string | null) => ({ id, origin, provider }) as PriceRow;

test.each([
  ["1.250000000", "1.25"],
  ["10.000000000", "10"],
  ["100", "100"],
  ["0.000000000", "0"],
])("%s is typed as %s", (amount, expected) => expect(plain(amount)).toBe(expected));

test("what the form does not show of an own price is kept, and an empty field is not listed", () => {
  const values = { ...noRates, input: " $3 ", output: "15", provider: "", validFrom: "", note: " as billed " };
  const known = { input: "2", output: "9", cache_read: "0.2", batch: { input: "1" } };
  expect(priceBody(values, known)).toEqual({ provider: null, price: { batch: { input: "1" }, input: "3", output: "15" }, note: "as billed" });
  expect(ratesOf(known)).toEqual({ ...noRates, input: "2", output: "9", cache_read: "0.2" });
});

test("the last own price of a provider is found, and no list's", () => {
  const rows = [row(4, "list", null), row(3, "own", "openai"), row(2, "own", null), row(1, "own", null)];
  expect(ownPrice(rows, null)?.id).toBe(2);
  expect(ownPrice(rows, "openai")?.id).toBe(3);
  expect(ownPrice(rows, "groq")).toBeUndefined();
});

test("only what differs is a difference", () => {
  expect(differences({ input: "3.0", output: "15" }, { input: "3", output: "16", cache_read: "0.3" })).toEqual([
    { name: "output", before: "15", after: "16" },
    { name: "cache_read", before: undefined, after: "0.3" },
  ]);
  expect(differences(null, { input: "1" })).toHaveLength(1);
});
