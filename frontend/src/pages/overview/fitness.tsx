// One sentence: how many keys can answer, and what ails the rest.

import { type Mood, State } from "../../components/state";
import type { Overview } from "../../services/types";
import { useText } from "../../text";

type Counts = Overview["keys"];

const AILMENTS = ["cooling", "out_of_credit", "disabled"] as const;

/** Bad when no key can answer; a key paused by a person is nothing to warn about. */
export function fitnessMood({ total, ready, cooling, out_of_credit }: Counts): Mood {
  if (total === 0) return "idle";
  if (ready === 0) return "bad";
  return cooling + out_of_credit > 0 ? "warn" : "good";
}

export function Fitness({ keys }: { keys: Counts }) {
  const { text, format } = useText();
  const { fit, noKeys, parts } = text.overview;
  const ailing = AILMENTS.filter((state) => keys[state] > 0).map((state) => parts[state](format.whole(keys[state])));
  const sentence = fit(format.whole(keys.ready), format.whole(keys.total), keys.total === 1);
  return (
    <State mood={fitnessMood(keys)}>{keys.total === 0 ? noKeys : [sentence, ...ailing].join(" · ")}</State>
  );
}
