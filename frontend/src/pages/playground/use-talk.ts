// One conversation with the pool, streamed.

import { useRef, useState } from "react";
import { messageIn } from "../../services/reason";
import { eventsOf } from "../../services/sse";
import { bodyOf, type Format, PATHS, pieceOf, type Said } from "./talk";
import { forgetToken } from "./token";

export interface Turn extends Said {
  /** The call in the books. */
  call?: string | undefined;
  error?: string | undefined;
  running?: boolean;
}

export interface Asked {
  format: Format;
  model: string;
  system: string;
  message: string;
  token: () => Promise<string>;
}

/** Calls, and gives each state of the answer on the way. */
async function* answer({ format, model, system, token }: Asked, said: readonly Said[], signal: AbortSignal): AsyncGenerator<Partial<Turn>> {
  const response = await fetch(PATHS[format], {
    method: "POST",
    signal,
    credentials: "omit",
    headers: { authorization: `Bearer ${await token()}`, "content-type": "application/json", "anthropic-version": "2023-06-01" },
    body: JSON.stringify(bodyOf(format, model, system, said)),
  });
  const call = response.headers.get("x-request-id") ?? undefined;
  yield { call };
  if (!response.ok) {
    if (response.status === 401) forgetToken();
    yield { error: messageIn(await response.text()) || String(response.status) };
    return;
  }
  let text = "";
  for await (const { data } of eventsOf(response)) {
    const piece = pieceOf(format, data);
    text += piece.text ?? "";
    yield { text, ...(piece.error && { error: piece.error }) };
  }
}

export function useTalk(stopped: string) {
  const [turns, setTurns] = useState<readonly Turn[]>([]);
  const running = useRef<AbortController>(undefined);
  const [busy, setBusy] = useState(false);

  const change = (now: Partial<Turn>) => setTurns((turns) => [...turns.slice(0, -1), { ...(turns.at(-1) as Turn), ...now }]);

  async function send(asked: Asked) {
    const said: Said[] = [...turns.filter(({ error }) => !error), { role: "user", text: asked.message }];
    setTurns([...turns, { role: "user", text: asked.message }, { role: "assistant", text: "", running: true }]);
    setBusy(true);
    const controller = new AbortController();
    running.current = controller;
    try {
      for await (const now of answer(asked, said, controller.signal)) change(now);
    } catch (error) {
      change({ error: controller.signal.aborted ? stopped : error instanceof Error ? error.message : String(error) });
    }
    change({ running: false });
    setBusy(false);
  }

  return { turns, busy, send, stop: () => running.current?.abort(), clear: () => setTurns([]) };
}
