// The server's API: one function per question, and one kind of error for whatever goes wrong.

import type { Health, Key, List, Overview } from "./types";

/** How long an answer may take, in milliseconds, before the server counts as away. */
const PATIENCE_MS = 10_000;

/** Whether the server is away, knows us not, refuses, or says something we can not read. */
export type Trouble = "away" | "unauthorized" | "refused" | "unreadable";

/** Why a question to the server has no answer. */
export class ApiError extends Error {
  constructor(
    readonly trouble: Trouble,
    readonly path: string,
    /** The HTTP status; absent when nothing came back. */
    readonly status?: number,
  ) {
    super(`${path}: ${status ?? trouble}`);
  }
}

async function ask(path: string, headers: HeadersInit, signal: AbortSignal): Promise<Response> {
  const patience = AbortSignal.any([signal, AbortSignal.timeout(PATIENCE_MS)]);
  try {
    return await fetch(path, { headers, signal: patience, cache: "no-store" });
  } catch {
    throw new ApiError("away", path);
  }
}

function troubleOf(status: number): Trouble {
  return status === 401 ? "unauthorized" : "refused";
}

async function read<T>(path: string, headers: HeadersInit, signal: AbortSignal): Promise<T> {
  const response = await ask(path, headers, signal);
  if (!response.ok) throw new ApiError(troubleOf(response.status), path, response.status);
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError("unreadable", path, response.status);
  }
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

/** Whether the server is there and takes calls. Needs no token. */
export interface ServerState {
  version: string;
  ready: boolean;
}

export async function readServer(signal: AbortSignal): Promise<ServerState> {
  const [health, ready] = await Promise.all([read<Health>("/health", {}, signal), ask("/ready", {}, signal)]);
  return { version: health.version, ready: ready.ok };
}

/** Today's sums, and the first page of keys. */
export interface Snapshot {
  overview: Overview;
  keys: List<Key>;
}

export async function readSnapshot(token: string, signal: AbortSignal): Promise<Snapshot> {
  const [overview, keys] = await Promise.all([
    read<Overview>("/api/statistics/overview", bearer(token), signal),
    read<List<Key>>("/api/keys", bearer(token), signal),
  ]);
  return { overview, keys };
}
