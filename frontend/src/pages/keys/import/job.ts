// The import itself: it outlives the page that began it, can be paused, and keeps a report without secrets.

import { useSyncExternalStore } from "react";
import { ApiError, send } from "../../../services/http";
import type { Key } from "../../../services/types";
import { inTurn } from "../in-turn";
import { type Line, masked } from "./parse";

export type Outcome = "waiting" | "added" | "duplicate" | "failed";

export interface Entry {
  line: number;
  hint: string;
  provider: string;
  name: string;
  outcome: Outcome;
  /** Why it was refused. */
  why?: unknown;
  /** The key that came of it. */
  id?: number;
}

export interface Job {
  entries: readonly Entry[];
  paused: boolean;
  ended: boolean;
}

const SIDE_BY_SIDE = 4;

let job: Job | undefined;
let release: (() => void) | undefined;
const listeners = new Set<() => void>();

function put(next: Job | undefined) {
  job = next;
  for (const listener of listeners) listener();
}

function subscribe(changed: () => void) {
  listeners.add(changed);
  return () => listeners.delete(changed);
}

/** The import that runs or has ended, if there is one. */
export const useJob = () => useSyncExternalStore(subscribe, () => job);

const nameOf = (line: Line) => line.name ?? `${line.provider} ${masked(line.api_key ?? "")}`;

async function add(line: Line, tags: string[]): Promise<Partial<Entry>> {
  const { api_key, provider, proxy_ip, base_url } = line;
  const body = {
    name: nameOf(line),
    api_key,
    provider,
    tags: [...new Set([...(line.tags ?? []), ...tags])],
    ...(proxy_ip && { proxy_ip }),
    ...(base_url && { base_url }),
  };
  try {
    return { outcome: "added", id: (await send<Key>("/api/keys", { method: "POST", body })).id };
  } catch (why) {
    return why instanceof ApiError && why.status === 409 ? { outcome: "duplicate" } : { outcome: "failed", why };
  }
}

/** Adds `lines`, some at a time; `onEnd` hears when all have had their turn. */
export async function startImport(lines: readonly Line[], tags: string[], onEnd: () => void) {
  const entries = lines.map((line): Entry => ({
    line: line.line,
    hint: masked(line.api_key ?? ""),
    provider: line.provider ?? "",
    name: nameOf(line),
    outcome: "waiting",
  }));
  put({ entries, paused: false, ended: false });
  const settle = (at: number, found: Partial<Entry>) =>
    job && put({ ...job, entries: job.entries.map((entry, index) => (index === at ? { ...entry, ...found } : entry)) });
  await inTurn(
    lines.map((line, at) => ({ line, at })),
    SIDE_BY_SIDE,
    async ({ line, at }) => settle(at, await add(line, tags)),
    undefined,
    () => (job?.paused ? new Promise<void>((done) => (release = chain(release, done))) : Promise.resolve()),
  );
  if (job) put({ ...job, ended: true });
  onEnd();
}

const chain = (first: (() => void) | undefined, second: () => void) => () => (first?.(), second());

export function pauseImport(paused: boolean) {
  if (job) put({ ...job, paused });
  if (!paused) {
    release?.();
    release = undefined;
  }
}

export const forgetImport = () => put(undefined);

export function counts(entries: readonly Entry[]): Record<Outcome, number> {
  const found = { waiting: 0, added: 0, duplicate: 0, failed: 0 };
  for (const { outcome } of entries) found[outcome] += 1;
  return found;
}
