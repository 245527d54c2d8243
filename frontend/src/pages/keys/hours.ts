// The last hours of keys. Pure.

/** What was asked of a key in an hour. */
export interface Hour {
  time: string;
  requests: number;
  errors: number;
}

/** `GET /api/statistics/keys/hours`: hours in which nothing happened are left out. */
export interface KeyHours {
  key_id: number;
  hours: Hour[];
}

const HOUR_MS = 3_600_000;

/** All hours of a span, those without calls too. */
export function filled(hours: readonly Hour[], from: string, to: string): Hour[] {
  const known = new Map(hours.map((hour) => [Date.parse(hour.time), hour]));
  const [start, end] = [Date.parse(from), Date.parse(to)];
  return Array.from({ length: Math.max(0, Math.round((end - start) / HOUR_MS)) }, (_, at) => {
    const time = start + at * HOUR_MS;
    return known.get(time) ?? { time: new Date(time).toISOString(), requests: 0, errors: 0 };
  });
}

export function hourMood({ requests, errors }: Hour): "idle" | "good" | "warn" | "bad" {
  if (requests === 0) return "idle";
  const share = errors / requests;
  return share === 0 ? "good" : share < 0.5 ? "warn" : "bad";
}

/** The share of calls that failed; nothing where none was made. */
export function trouble(hours: readonly Hour[]): number | null {
  const sum = (of: (hour: Hour) => number) => hours.reduce((all, hour) => all + of(hour), 0);
  const requests = sum((hour) => hour.requests);
  return requests > 0 ? sum((hour) => hour.errors) / requests : null;
}
