// Events that the server sends one by one. The browser's own EventSource can show no token, so this reads by `fetch`.

import { ask, type Ask, checked } from "./http";

export interface ServerEvent {
  event: string;
  data: string;
}

/** Takes pieces of a stream, cut anywhere, and gives the events that are whole. */
export class EventReader {
  private rest = "";

  push(piece: string): ServerEvent[] {
    // A carriage return at the end may be the first half of a line end.
    const text = this.rest + piece;
    const kept = text.endsWith("\r") ? "\r" : "";
    const blocks = text.slice(0, text.length - kept.length).replaceAll(/\r\n?/g, "\n").split("\n\n");
    this.rest = (blocks.pop() ?? "") + kept;
    return blocks.flatMap(parse);
  }
}

function parse(block: string): ServerEvent[] {
  const found: ServerEvent = { event: "message", data: "" };
  const data: string[] = [];
  for (const line of block.split("\n")) {
    const [, name, value] = /^(event|data):? ?(.*)$/.exec(line) ?? [];
    if (name === "data") data.push(value ?? "");
    if (name === "event") found.event = value ?? "";
  }
  return data.length > 0 ? [{ ...found, data: data.join("\n") }] : [];
}

/** The events of an answer, until it ends. */
export async function* eventsOf(response: Response): AsyncGenerator<ServerEvent> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const events = new EventReader();
  const decoder = new TextDecoder();
  for (;;) {
    const { done, value } = await reader.read();
    if (done) return;
    yield* events.push(decoder.decode(value, { stream: true }));
  }
}

/** Opens a stream of the admin API and gives its events until `signal`. */
export async function* listen(path: string, asked: Ask & { signal: AbortSignal }): AsyncGenerator<ServerEvent> {
  // A stream is never late: the patience is for the head alone, and the signal ends the rest.
  yield* eventsOf(await checked(path, await ask(path, { ...asked, patienceMs: 2_000_000_000 })));
}
