// Polling as a React hook.

import { useEffect, useState } from "react";
import { answered, failed, type Known, poll } from "./poll";

/** What `ask` answers, asked again every `everyMs` while the page is visible. `ask` has to keep its identity. */
export function usePolled<T>(ask: (signal: AbortSignal) => Promise<T>, everyMs: number): Known<T> {
  const [known, setKnown] = useState<Known<T>>({});
  useEffect(() => {
    const onAnswer = (answer: T) => setKnown(answered(answer, Date.now()));
    return poll({ ask, everyMs, onAnswer, onError: (error) => setKnown((known) => failed(known, error)) }, document);
  }, [ask, everyMs]);
  return known;
}

/** The time in milliseconds since 1970, moving once a second. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1_000);
    return () => clearInterval(timer);
  }, []);
  return now;
}
