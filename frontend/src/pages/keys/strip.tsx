// How a key did hour by hour: a cell for each, green, yellow, red, or nothing; what it means is also in words.

import { useText, useWords } from "../../text";
import { type Hour, hourMood } from "./hours";
import { words as both } from "./text";

export function Strip({ hours }: { hours: readonly Hour[] }) {
  const { format } = useText();
  const { drawer: words } = useWords(both);
  const told = ({ time, requests, errors }: Hour) => words.stripHour(format.hour(Date.parse(time)), format.whole(requests), format.whole(errors));
  const busy = hours.filter(({ requests }) => requests > 0);
  return (
    <div className="strip" role="img" aria-label={`${words.strip}: ${busy.length > 0 ? busy.map(told).join("; ") : "—"}`}>
      {hours.map((hour) => (
        <span key={hour.time} className={`strip-${hourMood(hour)}`} title={told(hour)} />
      ))}
    </div>
  );
}
