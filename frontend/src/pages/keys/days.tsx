// What a key cost by day, and how its last hours went, where the server sums by key.

import { Spark } from "../../components/spark";
import { useOpened } from "../../components/when";
import { useRead } from "../../services/query";
import type { Table, TimelineRow } from "../../services/types";
import { useWords } from "../../text";
import { Strip } from "./strip";
import { words as both } from "./text";

/** Days are those of the reader. */
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;
const DAY_MS = 86_400_000;

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
        <Strip hours={hours.data.items} />
      </div>
      <div>
        <h3>{words.days}</h3>
        <Spark values={days.data.items.map(({ cost }) => Number(cost))} label={words.days} />
      </div>
    </div>
  );
}
