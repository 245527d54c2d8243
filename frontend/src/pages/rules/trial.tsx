// What a rule would have made of past failures, before it counts.

import { Link } from "@tanstack/react-router";
import { useVerdictText } from "../../components/reason";
import { Ago } from "../../components/when";
import { messageIn } from "../../services/reason";
import type { RuleTrial } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

function Verdict({ judged }: { judged: RuleTrial["items"][number]["old"] }) {
  const { format } = useText();
  const { trial } = useWords(both);
  const told = useVerdictText();
  const { verdict, wait_seconds: wait } = judged;
  return (
    <>
      {told(verdict)}
      {wait !== null && trial.wait(format.span(wait * 1_000))}
    </>
  );
}

export function TrialReport({ trial }: { trial: RuleTrial }) {
  const { format } = useText();
  const { trial: words } = useWords(both);
  return (
    <div className="stack" role="status">
      <h3>{words.title}</h3>
      <p>{words.looked(format.whole(trial.looked_at), format.whole(trial.decided))}</p>
      {trial.items.length === 0 && <p className="soft">{words.same}</p>}
      <ul className="rejudged" role="list">
        {trial.items.map((item) => (
          <li key={item.attempt_id}>
            <Link to="/requests" search={{ open: item.call_id }}>
              <Ago at={item.create_time} />
            </Link>{" "}
            {item.provider} {item.http_status_code}
            <div>
              <span className="soft">{words.was}</span> <Verdict judged={item.old} /> <span aria-hidden>→</span> <span className="soft">{words.would}</span>{" "}
              <strong>
                <Verdict judged={item.new} />
              </strong>
            </div>
            {item.error_message && <div className="soft small inert">{messageIn(item.error_message)}</div>}
          </li>
        ))}
      </ul>
    </div>
  );
}
