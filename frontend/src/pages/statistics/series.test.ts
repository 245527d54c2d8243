import { expect, test } from "vitest";
import type { Sums, TimelineRow } from "../../services/types";
import { granularityOf, inAll, seriesOf, sumUsd, valuesOf } from "./series";

test("money is summed to the last digit", () => {
  expect(sumUsd(["0.1", "0.2", "0.000000001"])).toBe("0.300000001");
  expect(sumUsd(["1.50", "-2"])).toBe("-0.500000000");
  expect(sumUsd([])).toBe("0.000000000");
});

test("hours are drawn for about a week, then days", () => {
  expect(granularityOf(7 * 86_400_000)).toBe("hour");
  expect(granularityOf(30 * 86_400_000)).toBe("day");
});

test("where nothing was measured the line has a gap", () => {
  const rows = [{ latency_ms: { p50: null } }, { latency_ms: { p50: 12 } }] as TimelineRow[];
  expect(valuesOf(rows, "latency")).toEqual([null, 12]);
  expect(seriesOf("tokens")).toEqual(["input", "cached", "output"]);
});

test("what is said of all is the sum of the rows", () => {
  const row = { requests: 2, errors: 1, total_tokens: 10, cost: "0.5", unpriced_requests: 1 } as Sums;
  expect(inAll([row, row])).toEqual({ requests: 4, errors: 2, tokens: 20, cost: "1.000000000", unpriced: 2 });
});
