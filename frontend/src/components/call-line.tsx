// One call in one line, with a way to its details.

import { Link } from "@tanstack/react-router";
import type { Call } from "../services/types";
import { useText } from "../text";
import { Badge, type Mood } from "./state";

const MOODS: Record<Call["status"], Mood> = { success: "good", error: "bad", open: "idle" };

/** How a call went, in a word: its status where it has one. */
export function CallBadge({ call }: { call: Pick<Call, "status" | "http_status_code" | "outcome"> }) {
  const { outcomes } = useText().text;
  const word = call.outcome === "done" || call.outcome === "failed" ? String(call.http_status_code ?? outcomes[call.outcome]) : (outcomes[call.outcome ?? "open"] ?? call.outcome);
  const mood = call.outcome === "hung_up" || call.outcome === "cut" ? "warn" : MOODS[call.status];
  return <Badge mood={mood}>{word}</Badge>;
}

export function CallLine({ call }: { call: Call }) {
  const { format } = useText();
  return (
    <li>
      <Link to="/requests" search={{ open: call.call_id }} className="number">
        {format.moment(Date.parse(call.create_time))}
      </Link>
      <CallBadge call={call} />
      <span className="cut">{call.model}</span>
      <span className="number soft">{call.latency_ms !== null && format.span(call.latency_ms)}</span>
      <span className="number">{call.cost !== null && format.usd(call.cost)}</span>
    </li>
  );
}
