// The last five minutes, as calls come in.

import { useEffect, useState } from "react";
import { Panel } from "../../components/page";
import { Spark } from "../../components/spark";
import { useNow } from "../../components/when";
import { follow } from "../../services/follow";
import { send } from "../../services/http";
import type { Call, List } from "../../services/types";
import { useText, useWords } from "../../text";
import { perSlot } from "./slots";
import { words as both } from "./text";

const SLOTS = 60;
const SPAN_MS = 5 * 60_000;
const MOST = 500;
/** What was heard is drawn so often, in milliseconds. */
const SHOW_MS = 1_000;

type Times = ReadonlyMap<number, number>;

/** Those calls that are not older than the span, by their row, so that one that is told twice counts once. */
function withCalls(known: Times, calls: readonly Call[]): Times {
  const oldest = Date.now() - SPAN_MS;
  const all = [...known, ...calls.map(({ id, create_time }) => [id, Date.parse(create_time)] as const)];
  return new Map(all.filter(([, time]) => time >= oldest));
}

/** When the calls of the last minutes began: the past by one question, and the rest as they come. */
function useTimes(): Times {
  const [times, setTimes] = useState<Times>(new Map());
  useEffect(() => {
    const ended = new AbortController();
    let heard: Call[] = [];
    const timer = setInterval(() => {
      const calls = heard;
      heard = [];
      if (calls.length > 0) setTimes((times) => withCalls(times, calls));
    }, SHOW_MS);
    const from = new Date(Date.now() - SPAN_MS).toISOString();
    const hear = (calls: readonly Call[]) => void heard.push(...calls);
    send<List<Call>>("/api/requests", { query: { from, limit: MOST }, signal: ended.signal }).then(({ items }) => hear(items), () => {});
    void follow({}, ended.signal, hear);
    return () => {
      ended.abort();
      clearInterval(timer);
    };
  }, []);
  return times;
}

export function Live() {
  const { format } = useText();
  const words = useWords(both);
  const times = [...useTimes().values()];
  const now = useNow();
  const lastMinute = times.filter((time) => time >= now - 60_000).length;
  return (
    <Panel title={words.live} note={words.liveNote}>
      <div className="live-number number">{words.perMinute(format.whole(lastMinute))}</div>
      <Spark values={perSlot(times, now, SPAN_MS, SLOTS)} label={words.liveNote} height={64} tone="good" />
    </Panel>
  );
}
