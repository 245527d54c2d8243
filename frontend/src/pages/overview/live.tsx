// The last five minutes, as calls come in.

import { useEffect, useState } from "react";
import { Panel } from "../../components/page";
import { Spark } from "../../components/spark";
import { useRead } from "../../services/query";
import type { Call, List } from "../../services/types";
import { useText, useWords } from "../../text";
import { perSlot } from "./slots";
import { words as both } from "./text";

const EVERY_MS = 5_000;
const SLOTS = 60;
const SPAN_MS = 5 * 60_000;
const MOST = 500;

/** The books of the last minutes, asked for every few seconds while somebody looks. */
export function Live() {
  const { format } = useText();
  const words = useWords(both);
  // The server takes whole answers only; asking from a fixed moment keeps it one question.
  const [from, setFrom] = useState(() => new Date(Date.now() - SPAN_MS).toISOString());
  useEffect(() => {
    const timer = setInterval(() => setFrom(new Date(Date.now() - SPAN_MS).toISOString()), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  const { data } = useRead<List<Call>>("/api/requests", { query: { from, limit: MOST }, keep: true });
  const now = Date.parse(from) + SPAN_MS;
  const times = (data?.items ?? []).map(({ create_time }) => Date.parse(create_time));
  const lastMinute = times.filter((time) => time >= now - 60_000).length;
  const more = data?.next_cursor ? "+" : "";
  return (
    <Panel title={words.live} note={words.liveNote}>
      <div className="live-number number">{words.perMinute(format.whole(lastMinute) + more)}</div>
      <Spark values={perSlot(times, now, SPAN_MS, SLOTS)} label={words.liveNote} height={64} tone="good" />
    </Panel>
  );
}
