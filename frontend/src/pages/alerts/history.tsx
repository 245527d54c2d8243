// What happened and what was sent, page by page.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "antd";
import type { ReactNode } from "react";
import { Panel, Waiting } from "../../components/page";
import { Badge, type Mood, Tag } from "../../components/state";
import { Trouble } from "../../components/trouble";
import { Ago, Wait } from "../../components/when";
import { type ApiError, send } from "../../services/http";
import type { List } from "../../services/types";
import { useText, useWords } from "../../text";
import type { AlertEvent, Delivery } from "./log";
import { SeverityBadge } from "./rules";
import { words as both } from "./text";

const EVERY_MS = 15_000;
const PAGE = 20;

interface Props<Item> {
  path: string;
  title: string;
  empty: string;
  one: (item: Item) => ReactNode;
}

function History<Item extends { id: number }>({ path, title, empty, one }: Props<Item>) {
  const words = useWords(both);
  const { data, error, isPending, hasNextPage, isFetchingNextPage, fetchNextPage, refetch } = useInfiniteQuery<List<Item>, ApiError, Item[], readonly unknown[], string | null>({
    queryKey: [path],
    queryFn: ({ pageParam, signal }) => send<List<Item>>(path, { query: { limit: PAGE, cursor: pageParam }, signal }),
    initialPageParam: null,
    getNextPageParam: ({ next_cursor }) => next_cursor,
    select: ({ pages }) => pages.flatMap(({ items }) => items),
    refetchInterval: EVERY_MS,
  });
  return (
    <Panel title={title}>
      {error && <Trouble error={error} again={() => void refetch()} />}
      {isPending && <Waiting />}
      {data?.length === 0 && <p className="soft">{empty}</p>}
      <ul className="alerts" role="list">
        {data?.map((item) => <li key={item.id}>{one(item)}</li>)}
      </ul>
      {hasNextPage && <Button loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>{words.more}</Button>}
    </Panel>
  );
}

const EVENT_MOODS: Record<AlertEvent["event"], Mood> = { fired: "bad", repeated: "warn", cleared: "good" };

function Event({ event }: { event: AlertEvent }) {
  const words = useWords(both);
  return (
    <>
      <div>
        <Badge mood={EVENT_MOODS[event.event] ?? "warn"}>{words.eventKinds[event.event] ?? event.event}</Badge> <SeverityBadge severity={event.severity} />{" "}
        <strong className="inert">{event.rule_name}</strong> {event.quiet && <Tag>{words.quietly}</Tag>} <span className="soft small"><Ago at={event.create_time} /></span>
      </div>
      <div className="small inert">{[event.name, event.detail].filter(Boolean).join(": ")}</div>
    </>
  );
}

const DELIVERY_MOODS: Record<Delivery["state"], Mood> = { sent: "good", pending: "warn", failed: "bad" };

function Sent({ delivery }: { delivery: Delivery }) {
  const { format } = useText();
  const words = useWords(both);
  const { state, tries, next_at: next, detail } = delivery;
  return (
    <>
      <div>
        <Badge mood={DELIVERY_MOODS[state] ?? "warn"}>{words.delivered[state] ?? state}</Badge> <strong className="inert">{delivery.channel_name}</strong>{" "}
        {tries > 1 && <Tag>{words.tries(format.whole(tries))}</Tag>} <span className="soft small"><Ago at={delivery.create_time} /></span>
      </div>
      <div className="small inert">{delivery.message.title}</div>
      {detail && <div className="soft small inert">{detail}</div>}
      {state === "pending" && next && <div className="soft small"><Wait until={next} /></div>}
    </>
  );
}

export function Events() {
  const words = useWords(both);
  return <History<AlertEvent> path="/api/alerts/events" title={words.events} empty={words.noEvents} one={(event) => <Event event={event} />} />;
}

export function Deliveries() {
  const words = useWords(both);
  return <History<Delivery> path="/api/alerts/deliveries" title={words.deliveries} empty={words.noDeliveries} one={(delivery) => <Sent delivery={delivery} />} />;
}
