// One sentence: how many keys can answer, and what ails the rest; each part leads to those keys.

import { Link } from "@tanstack/react-router";
import { State } from "../../components/state";
import { type AllCounts, fitnessMood } from "../../services/fitness";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

const AILMENTS = ["cooling", "out_of_credit", "out_of_budget", "disabled"] as const;

export function Fitness({ keys }: { keys: AllCounts }) {
  const { format } = useText();
  const { fit, noKeys, parts } = useWords(both);
  if (keys.total === 0) return <State mood="idle">{noKeys}</State>;
  const ailing = AILMENTS.filter((state) => (keys[state] ?? 0) > 0);
  return (
    <State mood={fitnessMood(keys)}>
      <span className="fitness">
        <Link to="/keys" search={{ state: "ready" }}>
          {fit(format.whole(keys.ready), format.whole(keys.total), keys.total === 1)}
        </Link>
        {ailing.map((state) => (
          <Link key={state} to="/keys" search={{ state }}>
            {parts[state](format.whole(keys[state] ?? 0))}
          </Link>
        ))}
      </span>
    </State>
  );
}
