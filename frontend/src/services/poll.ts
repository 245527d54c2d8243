// Asking the same question again and again while somebody looks, and what is known meanwhile.

import { ApiError } from "./api";

/** What is known: the last answer with its time, and why there is no newer one. */
export interface Known<T> {
  answer?: T;
  /** When `answer` came, in milliseconds since 1970. */
  at?: number;
  error?: ApiError;
}

/** A good answer takes the error away. */
export const answered = <T>(answer: T, at: number): Known<T> => ({ answer, at });

/** An error leaves the last answer where it is. */
export const failed = <T>(known: Known<T>, error: ApiError): Known<T> => ({ ...known, error });

/** Where the page is looked at: the part of `document` that is needed here. */
export interface Page {
  hidden: boolean;
  addEventListener(type: "visibilitychange", listener: () => void): void;
  removeEventListener(type: "visibilitychange", listener: () => void): void;
}

export interface Polling<T> {
  ask: (signal: AbortSignal) => Promise<T>;
  /** The pause between an answer and the next question, in milliseconds. */
  everyMs: number;
  onAnswer: (answer: T) => void;
  onError: (error: ApiError) => void;
}

/**
 * Asks now and then again `everyMs` after each answer, never twice at a time. A hidden page asks nothing; one that comes
 * back asks at once. Returns what ends it; after that neither callback is called.
 */
export function poll<T>({ ask, everyMs, onAnswer, onError }: Polling<T>, page: Page): () => void {
  const ended = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let asking = false;

  async function round() {
    clearTimeout(timer);
    if (asking || page.hidden || ended.signal.aborted) return;
    asking = true;
    await ask(ended.signal).then(tell(onAnswer), (error: unknown) => tell(onError)(asApiError(error)));
    asking = false;
    timer = setTimeout(round, everyMs);
  }

  const tell =
    <V>(listener: (value: V) => void) =>
    (value: V) => {
      if (!ended.signal.aborted) listener(value);
    };

  page.addEventListener("visibilitychange", round);
  void round();

  return () => {
    ended.abort();
    clearTimeout(timer);
    page.removeEventListener("visibilitychange", round);
  };
}

function asApiError(error: unknown): ApiError {
  return error instanceof ApiError ? error : new ApiError("unreadable", String(error));
}
