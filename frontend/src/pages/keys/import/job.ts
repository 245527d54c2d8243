// The import itself: it outlives the page that began it, can be paused, and keeps a report without secrets.

import { useSyncExternalStore } from "react";
import { ApiError, send } from "../../../services/http";
import type { Import, Key } from "../../../services/types";
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

/** So many go in one question: few enough to see it move. */
const AT_ONCE = 25;

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

/** A line as the server takes it. */
function keyOf(line: Line, tags: string[]) {
  const { api_key, provider, proxy_ip, base_url } = line;
  return {
    name: nameOf(line),
    api_key,
    provider,
    tags: [...new Set([...(line.tags ?? []), ...tags])],
    ...(proxy_ip && { proxy_ip }),
    ...(base_url && { base_url }),
  };
}

const PATH = "/api/keys/import";

/** What becomes of `lines`, in their order; with `dry` only what would. */
async function together(lines: readonly Line[], tags: string[], dry: boolean): Promise<Partial<Entry>[]> {
  const report = await send<Import>(PATH, { method: "POST", query: { dry_run: dry || undefined }, body: lines.map((line) => keyOf(line, tags)) });
  return report.lines.map(({ outcome, key_id, field, message }) => ({
    outcome: outcome === "invalid" ? "failed" : outcome,
    ...(key_id !== null && { id: key_id }),
    ...(outcome === "invalid" && { why: new ApiError("refused", PATH, 400, { message: message ?? "", ...(field && { field }) }) }),
  }));
}

async function one(line: Line, tags: string[]): Promise<Partial<Entry>> {
  try {
    return { outcome: "added", id: (await send<Key>("/api/keys", { method: "POST", body: keyOf(line, tags) })).id };
  } catch (why) {
    return why instanceof ApiError && why.status === 409 ? { outcome: "duplicate" } : { outcome: "failed", why };
  }
}

/** Some at once; one by one where the server can not. */
async function add(lines: readonly Line[], tags: string[]): Promise<Partial<Entry>[]> {
  try {
    return await together(lines, tags, false);
  } catch (error) {
    if (error instanceof ApiError && error.trouble === "missing") return Promise.all(lines.map((line) => one(line, tags)));
    return lines.map(() => ({ outcome: "failed", why: error }));
  }
}

/** Which of `lines` are in the pool already, by their place, with the key that has the credential. */
export async function alreadyHere(lines: readonly Line[]): Promise<ReadonlyMap<number, number | undefined>> {
  const found = await together(lines, [], true).catch(() => []);
  return new Map(found.flatMap(({ outcome, id }, at) => (outcome === "duplicate" ? [[at, id] as const] : [])));
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
  const settle = (start: number, found: readonly Partial<Entry>[]) =>
    job && put({ ...job, entries: job.entries.map((entry, at) => ({ ...entry, ...found[at - start] })) });
  const starts = Array.from({ length: Math.ceil(lines.length / AT_ONCE) }, (_, at) => at * AT_ONCE);
  await inTurn(
    starts,
    1,
    async (start) => settle(start, await add(lines.slice(start, start + AT_ONCE), tags)),
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
