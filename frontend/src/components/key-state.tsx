// How a key is: a word, a colour, until when, and why.

import { moodOf, wordOf } from "../services/fitness";
import type { Key } from "../services/types";
import { useText } from "../text";
import "./key-state.css";
import { Reason } from "./reason";
import { Badge } from "./state";
import { Wait } from "./when";

interface Props {
  entry: Pick<Key, "enabled" | "status">;
  /** How much of the reason is shown. */
  lines?: number;
}

export function KeyState({ entry, lines = 2 }: Props) {
  const { text } = useText();
  const { until, reason } = entry.status;
  const word = wordOf(entry);
  const paused = word === "paused";
  return (
    <div className="key-state">
      <Badge mood={moodOf(entry)}>{text.states[word] ?? word}</Badge>
      {until && !paused && (
        <span className="soft small number">
          <Wait until={until} />
        </span>
      )}
      {reason && !paused && <Reason text={reason} lines={lines} />}
    </div>
  );
}
