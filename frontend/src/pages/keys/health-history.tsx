// What happened to a key, where the server keeps that.

import { Reason } from "../../components/reason";
import { Ago } from "../../components/when";
import { useRead } from "../../services/query";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

interface Event {
  time?: string;
  create_time?: string;
  model?: string | null;
  state?: string;
  reason?: string | null;
}

export function HealthHistory({ id }: { id: number }) {
  const { text } = useText();
  const { drawer: words } = useWords(both);
  const { data } = useRead<{ history?: Event[] }>(`/api/keys/${id}/health`, { every: 5_000 });
  const events = data?.history ?? [];
  if (events.length === 0) return null;
  return (
    <>
      <h3>{words.healthHistory}</h3>
      <ul className="model-states" role="list">
        {events.slice(0, 30).map((event, at) => (
          <li key={at}>
            <span>
              {(event.time ?? event.create_time) && <Ago at={event.time ?? event.create_time ?? ""} />}{" "}
              <strong>{text.states[event.state ?? ""] ?? event.state}</strong> {event.model}
            </span>
            {event.reason && <Reason text={event.reason} />}
          </li>
        ))}
      </ul>
    </>
  );
}
