// Why a key's answers were no success, by cause, with the last call of each.

import { Link } from "@tanstack/react-router";
import { useVerdictText } from "../../components/reason";
import { Badge, Tag } from "../../components/state";
import { Ago } from "../../components/when";
import { useRead } from "../../services/query";
import { messageIn } from "../../services/reason";
import type { List } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

/** A row of `GET /api/keys/{id}/failures`. */
interface Cause {
  verdict: string;
  http_status_code: number | null;
  requests: number;
  last_time: string;
  last_call_id: string;
  last_message: string | null;
}

const EVERY_MS = 15_000;

function One({ cause }: { cause: Cause }) {
  const { format } = useText();
  const told = useVerdictText();
  const { verdict, http_status_code: status, requests, last_time, last_call_id, last_message } = cause;
  return (
    <li>
      <span>
        <Badge mood="bad">{[told(verdict), status].filter(Boolean).join(" · ")}</Badge> <Tag>×{format.whole(requests)}</Tag>{" "}
        <Link to="/requests" search={{ open: last_call_id }} className="small"><Ago at={last_time} /></Link>
      </span>
      {last_message && <div className="soft small inert">{messageIn(last_message)}</div>}
    </li>
  );
}

export function Causes({ id }: { id: number }) {
  const { drawer: words } = useWords(both);
  const { data } = useRead<List<Cause>>(`/api/keys/${id}/failures`, { every: EVERY_MS });
  // An older server does not count them.
  if (!data) return null;
  return (
    <>
      <h3>{words.causes}</h3>
      {data.items.length === 0 && <p className="soft">{words.causesNone}</p>}
      <ul className="model-states" role="list">
        {data.items.map((cause) => (
          <One key={`${cause.verdict} ${cause.http_status_code}`} cause={cause} />
        ))}
      </ul>
    </>
  );
}
