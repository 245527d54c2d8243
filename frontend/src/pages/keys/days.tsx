// What a key cost by day, and how its last hours went, where the server sums by key.

import { Spark } from "../../components/spark";
import { useOpened } from "../../components/when";
import { useRead } from "../../services/query";
import type { Table, TimelineRow } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

/** Days are those of the reader. */
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const DAY_MS = 86_400_000;

function moodOf({ requests, errors }: TimelineRow): string {
  if (requests === 0) return "idle";
  const share = errors / requests;
  return share === 0 ? "good" : share < 0.5 ? "warn" : "bad";
}

/** A cell an hour: green, yellow, red, or nothing; what it means is also in words. */
function Strip({ rows }: { rows: readonly TimelineRow[] }) {
  const { format } = useText();
  const { drawer: words } = useWords(both);
  const told = (row: TimelineRow) => words.stripHour(format.hour(Date.parse(row.time)), format.whole(row.requests), format.whole(row.errors));
  return (
    <div className="strip" role="img" aria-label={`${words.strip}: ${rows.filter(({ requests }) => requests > 0).map(told).join("; ")}`}>
      {rows.map((row) => (
        <span key={row.time} className={`strip-${moodOf(row)}`} title={told(row)} />
      ))}
    </div>
  );
}

export function Days({ id }: { id: number }) {
  const { drawer: words } = useWords(both);
  const opened = useOpened();
  const [from, dayAgo] = [14, 1].map((days) => new Date(opened - days * DAY_MS).toISOString());
  const path = "/api/statistics/timeline";
  const days = useRead<Table<TimelineRow>>(path, { query: { from, granularity: "day", key_id: id, time_zone: ZONE } });
  const hours = useRead<Table<TimelineRow>>(path, { query: { from: dayAgo, granularity: "hour", key_id: id } });
  // A server that can not sum by key refuses the parameter.
  if (!days.data || !hours.data) return null;
  return (
    <div className="split">
      <div>
        <h3>{words.strip}</h3>
        <Strip rows={hours.data.items} />
      </div>
      <div>
        <h3>{words.days}</h3>
        <Spark values={days.data.items.map(({ cost }) => Number(cost))} label={words.days} />
      </div>
    </div>
  );
}
