// Times as readers want them: an age or a countdown at first sight, the moment when pointed at.

import { useEffect, useState } from "react";
import { useText } from "../text";

/** The time in milliseconds since 1970, moving once a second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

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
