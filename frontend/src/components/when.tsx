// Times as readers want them: an age or a countdown at first sight, the moment when pointed at.

import { useState, useSyncExternalStore } from "react";
import { useText } from "../text";

let now = Date.now();
let timer: ReturnType<typeof setInterval> | undefined;
const listeners = new Set<() => void>();

function tick() {
  now = Date.now();
  for (const listener of listeners) listener();
}

/** One clock for the whole page, which stands still while nobody looks at it. */
function subscribe(changed: () => void) {
  listeners.add(changed);
  if (timer === undefined) {
    now = Date.now();
    timer = setInterval(tick, 1_000);
  }
  return () => {
    listeners.delete(changed);
    if (listeners.size > 0) return;
    clearInterval(timer);
    timer = undefined;
  };
}

/** The time in milliseconds since 1970, moving once a second. */
export const useNow = (): number => useSyncExternalStore(subscribe, () => now);

/** The time when the place was first shown, for questions that have to stay the same. */
export function useOpened(): number {
  const [opened] = useState(Date.now);
  return opened;
}

/** How long ago it was. */
export function Ago({ at, tell = (age) => age }: { at: string | number; tell?: (age: string) => string }) {
  const { format } = useText();
  const then = typeof at === "number" ? at : Date.parse(at);
  return (
    <time dateTime={new Date(then).toISOString()} title={format.moment(then)}>
      {tell(format.ago(then, useNow()))}
    </time>
  );
}

/** When it was, in the reader's zone. */
export function Moment({ at }: { at: string }) {
  const { format } = useText();
  return <time dateTime={at}>{format.moment(Date.parse(at))}</time>;
}

/** The wait until a key is tried again, counting down. */
export function Wait({ until }: { until: string }) {
  const { text, format } = useText();
  const left = Date.parse(until) - useNow();
  const words = left < 1_000 ? text.anyMoment : text.triedAgain(format.countdown(left));
  return (
    <time dateTime={until} title={format.moment(Date.parse(until))}>
      {words}
    </time>
  );
}

/** When it will be, within words. */
export function Ahead({ at, tell }: { at: string; tell: (wait: string) => string }) {
  const { format } = useText();
  const then = Date.parse(at);
  return (
    <time dateTime={at} title={format.moment(then)}>
      {tell(format.ahead(then, useNow()) ?? format.ago(then, then))}
    </time>
  );
}
