import { expect, test } from "vitest";
import type { TimelineRow } from "../../services/types";
import { compare, DAY_MS, figures, midnight, sinceWeek, sinceYesterday } from "./compare";

const HOUR_MS = 3_600_000;
const START = midnight(Date.parse("2026-11-28T12:00:00Z"));
const NOW = START + 2.5 * HOUR_MS;

const row = (at: number, requests: number, latency: number | null = 100): TimelineRow =>
  ({
    time: new Date(at).toISOString(),
    requests,
    errors: 0,
    total_tokens: 10 * requests,
    cost: String(requests / 100),
    average_latency_ms: latency,
    average_first_byte_ms: null,
  }) as TimelineRow;

test("of an hour that is cut the same part counts", () => {
  const rows = [row(START, 10), row(START + HOUR_MS, 10), row(START + 2 * HOUR_MS, 10), row(START + 3 * HOUR_MS, 10)];
  expect(figures(rows, START, NOW)).toMatchObject({ requests: 25, tokens: 250 });
});

test("latency is the mean over requests, and unknown where there were none", () => {
  const rows = [row(START, 1, 1_000), row(START + HOUR_MS, 3, 200), row(START + 2 * HOUR_MS, 0, null)];
  expect(figures(rows, START, NOW).latency).toBe(400);
  expect(figures([], START, NOW).latency).toBeUndefined();
});

test("today stands beside yesterday at the same hour", () => {
  const rows = [row(START - DAY_MS, 20), row(START - DAY_MS + 5 * HOUR_MS, 1_000), row(START, 30)];
  const compared = compare(rows, NOW);
  expect(sinceYesterday(compared, ({ requests }) => requests)).toBeCloseTo(0.5);
});

test("days without anything are not a part of the week's mean", () => {
  const rows = [row(START - DAY_MS, 10), row(START - 3 * DAY_MS, 30), row(START, 40)];
  const compared = compare(rows, NOW);
  expect(sinceWeek(compared, ({ requests }) => requests)).toBeCloseTo(1);
  expect(sinceWeek(compare([row(START, 40)], NOW), ({ requests }) => requests)).toBeUndefined();
});
