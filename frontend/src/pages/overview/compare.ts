// Today beside yesterday at the same hour, and beside the mean of a week. Pure.

import type { TimelineRow } from "../../services/types";

const HOUR_MS = 3_600_000;
export const DAY_MS = 24 * HOUR_MS;

/** What is compared. Latencies are means over requests. */
export interface Figures {
  requests: number;
  errors: number;
  tokens: number;
  cost: number;
  latency: number | undefined;
  firstByte: number | undefined;
}

/** Midnight in the reader's zone, at a whole hour: sums are kept in no smaller pieces. */
export function midnight(now: number): number {
  const day = new Date(now);
  day.setHours(0, 0, 0, 0);
  return Math.floor(day.getTime() / HOUR_MS) * HOUR_MS;
}

function mean(rows: readonly [TimelineRow, number][], of: (row: TimelineRow) => number | null): number | undefined {
  const known = rows.filter(([row]) => row.requests > 0 && of(row) !== null);
  const weight = known.reduce((sum, [row, part]) => sum + row.requests * part, 0);
  if (weight === 0) return undefined;
  return known.reduce((sum, [row, part]) => sum + (of(row) ?? 0) * row.requests * part, 0) / weight;
}

/** The sums of `[from, to)`. Of an hour that `to` cuts, the same part is taken. */
export function figures(rows: readonly TimelineRow[], from: number, to: number): Figures {
  const parts = rows.flatMap((row): [TimelineRow, number][] => {
    const start = Date.parse(row.time);
    const part = Math.min(1, (to - start) / HOUR_MS);
    return start < from || part <= 0 ? [] : [[row, part]];
  });
  const sum = (of: (row: TimelineRow) => number) => parts.reduce((all, [row, part]) => all + of(row) * part, 0);
  return {
    requests: sum((row) => row.requests),
    errors: sum((row) => row.errors),
    tokens: sum((row) => row.total_tokens),
    cost: sum((row) => Number(row.cost)),
    latency: mean(parts, (row) => row.average_latency_ms),
    firstByte: mean(parts, (row) => row.average_first_byte_ms),
  };
}

export interface Comparison {
  today: Figures;
  yesterday: Figures;
  /** The seven days before today, each to the same hour. */
  week: Figures[];
}

/** `rows` by the hour, from eight days ago. */
export function compare(rows: readonly TimelineRow[], now: number): Comparison {
  const start = midnight(now);
  const back = (days: number) => figures(rows, start - days * DAY_MS, now - days * DAY_MS);
  // The hour that runs has only what there is of it: nothing of it is cut away.
  const today = figures(rows, start, now + HOUR_MS);
  return { today, yesterday: back(1), week: [1, 2, 3, 4, 5, 6, 7].map(back) };
}

type Pick = (figures: Figures) => number | undefined;

/** How much more it is today than yesterday; nothing where there was nothing. */
export function sinceYesterday({ today, yesterday }: Comparison, of: Pick): number | undefined {
  return ratio(of(today), of(yesterday));
}

/** The same against the mean of those days of the week that had any. */
export function sinceWeek({ today, week }: Comparison, of: Pick): number | undefined {
  const known = week.map(of).filter((value) => value !== undefined && value > 0) as number[];
  return ratio(of(today), known.reduce((sum, value) => sum + value, 0) / known.length);
}

function ratio(now: number | undefined, before: number | undefined): number | undefined {
  if (now === undefined || before === undefined || !(before > 0)) return undefined;
  return now / before - 1;
}
