// What a chart draws of the sums. Pure.

import type { Sums, TimelineRow } from "../../services/types";

export type Metric = "cost" | "requests" | "tokens" | "errors" | "latency";

export type SeriesId = "cost" | "requests" | "errors" | "input" | "cached" | "output" | "latency" | "slowest" | "firstByte";

const SERIES: Record<Metric, SeriesId[]> = {
  cost: ["cost"],
  requests: ["requests", "errors"],
  tokens: ["input", "cached", "output"],
  errors: ["errors"],
  latency: ["latency", "slowest", "firstByte"],
};

const VALUES: Record<SeriesId, (row: Sums) => number | null> = {
  cost: ({ cost }) => Number(cost),
  requests: ({ requests }) => requests,
  errors: ({ errors }) => errors,
  input: ({ input_tokens }) => input_tokens,
  cached: ({ cache_read_tokens }) => cache_read_tokens,
  output: ({ output_tokens }) => output_tokens,
  latency: ({ latency_ms }) => latency_ms.p50,
  slowest: ({ latency_ms }) => latency_ms.p95,
  firstByte: ({ first_byte_ms }) => first_byte_ms.p50,
};

export const seriesOf = (metric: Metric): SeriesId[] => SERIES[metric];

export const valuesOf = (rows: readonly TimelineRow[], id: SeriesId): (number | null)[] => rows.map(VALUES[id]);

/** Above this many milliseconds a chart goes by the day: hours would be too fine to see. */
const HOURS_UNTIL_MS = 8 * 86_400_000;

export const granularityOf = (ms: number): "hour" | "day" => (ms <= HOURS_UNTIL_MS ? "hour" : "day");

/** Sums of decimal strings in USD, in whole nano-dollars, so that the sum of what is shown is what is shown. */
export function sumUsd(amounts: readonly string[]): string {
  const nanos = amounts.reduce((sum, amount) => {
    const [whole = "0", part = ""] = amount.replace("-", "").split(".");
    const value = BigInt(whole || "0") * 1_000_000_000n + BigInt(part.slice(0, 9).padEnd(9, "0"));
    return sum + (amount.startsWith("-") ? -value : value);
  }, 0n);
  const [sign, size] = nanos < 0n ? ["-", -nanos] : ["", nanos];
  return `${sign}${size / 1_000_000_000n}.${String(size % 1_000_000_000n).padStart(9, "0")}`;
}

export interface InAll {
  requests: number;
  errors: number;
  tokens: number;
  cost: string;
  unpriced: number;
}

/** The sums of all rows. */
export function inAll(rows: readonly Sums[]): InAll {
  const sum = (of: (row: Sums) => number) => rows.reduce((all, row) => all + of(row), 0);
  return {
    requests: sum(({ requests }) => requests),
    errors: sum(({ errors }) => errors),
    tokens: sum(({ total_tokens }) => total_tokens),
    cost: sumUsd(rows.map(({ cost }) => cost)),
    unpriced: sum(({ unpriced_requests }) => unpriced_requests),
  };
}
