// What happened to a key, where the server keeps that.

import { Reason } from "../../components/reason";
import { Tag } from "../../components/state";
import { Ago } from "../../components/when";
import { useRead } from "../../services/query";
import type { HealthEvent, KeyHealth } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

const MOST = 30;

function One({ event }: { event: HealthEvent }) {
  const { text, format } = useText();
  return (
    <li>
      <span>
        <Ago at={event.to} /> <strong>{text.states[event.state] ?? event.state}</strong> <span className="inert">{event.model}</span>{" "}
        {event.times > 1 && <Tag>×{format.whole(event.times)}</Tag>}
      </span>
      {event.reason && <Reason text={event.reason} />}
    </li>
  );
}

export function HealthHistory({ id }: { id: number }) {
  const { drawer: words } = useWords(both);
  const { data } = useRead<KeyHealth>(`/api/keys/${id}/health`, { every: 5_000 });
  const events = data?.history ?? [];
  if (events.length === 0) return null;
  return (
    <>
      <h3>{words.healthHistory}</h3>
      <ul className="model-states" role="list">
        {events.slice(0, MOST).map((event) => (
          <One key={`${event.of} ${event.model} ${event.from}`} event={event} />
        ))}
      </ul>
    </>
  );
}
