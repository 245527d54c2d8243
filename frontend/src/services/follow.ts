// Calls as they come: by the server's stream, or by asking where it has none.

import { ApiError, type Query, send } from "./http";
import { listen } from "./sse";
import type { Call, List } from "./types";

/** Without a stream the newest rows are asked for so often, in milliseconds. */
const POLL_MS = 3_000;
const AGAIN_MS = 5_000;
const FIRST_PAGE = 100;

/** Hears of calls as they begin and end, until `signal`. */
export async function follow(question: Query, signal: AbortSignal, hear: (calls: Call[]) => void) {
  let streams = true;
  while (!signal.aborted) {
    if (streams) streams = await stream(question, signal, hear);
    else await poll(question, signal, hear);
  }
}

/** Reads the stream to its end; tells whether there may be another. */
async function stream(question: Query, signal: AbortSignal, hear: (calls: Call[]) => void): Promise<boolean> {
  const { from: _, to: _to, text: _text, ...query } = question;
  try {
    for await (const { data } of listen("/api/requests/live", { query, signal })) hear(callsIn(data));
  } catch (error) {
    if (error instanceof ApiError && error.status !== undefined) return false;
  }
  await pause(AGAIN_MS, signal);
  return true;
}

/** Asks once for the newest, after a pause; a page that nobody looks at asks nothing. */
async function poll(question: Query, signal: AbortSignal, hear: (calls: Call[]) => void) {
  await pause(POLL_MS, signal);
  if (document.hidden) return;
  await send<List<Call>>("/api/requests", { query: { ...question, limit: FIRST_PAGE }, signal }).then(
    ({ items }) => hear(items),
    () => pause(AGAIN_MS, signal),
  );
}

/** A stream may tell other things than calls. */
function callsIn(data: string): Call[] {
  try {
    const told = JSON.parse(data) as Call;
    return typeof told.id === "number" && told.create_time ? [told] : [];
  } catch {
    return [];
  }
}

const pause = (ms: number, signal: AbortSignal) =>
  new Promise<void>((done) => {
    const timer = setTimeout(done, ms);
    signal.addEventListener("abort", () => (clearTimeout(timer), done()), { once: true });
  });
