// What the server says of itself.

import { useQuery } from "@tanstack/react-query";
import { type Mood, State } from "../components/state";
import { ask, send } from "../services/http";
import type { Health } from "../services/types";
import { type Text, useText } from "../text";

const EVERY_MS = 5_000;

interface Server {
  version: string;
  ready: boolean;
}

async function readServer(): Promise<Server> {
  const [health, ready] = await Promise.all([send<Health>("/health"), ask("/ready")]);
  return { version: health.version, ready: ready.ok };
}

/** What the server's own word, or its silence, means to a reader. */
export function serverMood(server: Server | undefined, failed: boolean, text: Text["shell"]): [Mood, string] {
  if (failed) return ["bad", text.away];
  if (!server) return ["idle", text.asking];
  return server.ready ? ["good", text.healthy] : ["warn", text.notReady];
}

export function ServerState() {
  const { shell } = useText().text;
  const { data, isError } = useQuery({ queryKey: ["server"], queryFn: readServer, refetchInterval: EVERY_MS });
  const [mood, word] = serverMood(data, isError, shell);
  return (
    <div className="server-state">
      <span role="status">
        <State mood={mood}>{word}</State>
      </span>
      {data && <span className="soft">{shell.version(data.version)}</span>}
    </div>
  );
}
