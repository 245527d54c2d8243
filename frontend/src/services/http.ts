// Questions to the server, and the one kind of error for whatever goes wrong with them.

/** How long an answer may take, in milliseconds, before the server counts as away. */
const PATIENCE_MS = 30_000;

/** Whether the server is away, knows us not, refuses, has no such thing, or says something we can not read. */
export type Trouble = "away" | "unauthorized" | "forbidden" | "missing" | "refused" | "unreadable";

/** What the server said about its refusal: `{"error":{"type","message","field"}}`. */
export interface Complaint {
  type?: string;
  message?: string;
  field?: string;
}

/** Why a question to the server has no answer. */
export class ApiError extends Error {
  constructor(
    readonly trouble: Trouble,
    readonly path: string,
    /** The HTTP status; absent when nothing came back. */
    readonly status?: number,
    readonly complaint: Complaint = {},
  ) {
    super(`${path}: ${complaint.message ?? status ?? trouble}`);
  }
}

/** How this page shows who asks: the admin token, or the header that goes with a session's cookie. */
export interface Credential {
  bearer?: string;
  csrf?: string;
}

let credential: Credential = {};
let onUnauthorized: () => void = () => {};

/** From now on questions are asked with this; `rejected` hears when the server no longer takes it. */
export function askWith(given: Credential, rejected: () => void) {
  credential = given;
  onUnauthorized = rejected;
}

export type Value = string | number | boolean | null | undefined;
export type Query = Record<string, Value>;

/** `path` with those parameters that say something. */
export function withQuery(path: string, query: Query = {}): string {
  const pairs = Object.entries(query).filter(([, value]) => value !== undefined && value !== null && value !== "");
  if (pairs.length === 0) return path;
  return `${path}?${new URLSearchParams(pairs.map(([name, value]) => [name, String(value)]))}`;
}

export interface Ask {
  method?: "GET" | "POST" | "PUT" | "DELETE";
  query?: Query;
  body?: unknown;
  signal?: AbortSignal;
  /** How long to wait for the head of the answer, in milliseconds. */
  patienceMs?: number;
}

function headersOf(body: unknown): Record<string, string> {
  return {
    ...(credential.bearer && { authorization: `Bearer ${credential.bearer}` }),
    ...(credential.csrf && { "x-csrf-token": credential.csrf }),
    ...(body !== undefined && { "content-type": "application/json" }),
  };
}

const TROUBLES: Record<number, Trouble> = { 401: "unauthorized", 403: "forbidden", 404: "missing", 405: "missing", 501: "missing" };

async function complaintOf(response: Response): Promise<Complaint> {
  try {
    const { error } = (await response.json()) as { error?: Complaint };
    return error ?? {};
  } catch {
    return {};
  }
}

/** The answer's head as it came, whatever its status. Throws only when there is none. */
export async function ask(path: string, { method = "GET", query, body, signal, patienceMs = PATIENCE_MS }: Ask = {}) {
  const late = AbortSignal.timeout(patienceMs);
  try {
    return await fetch(withQuery(path, query), {
      method,
      headers: headersOf(body),
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: signal ? AbortSignal.any([signal, late]) : late,
      cache: "no-store",
      credentials: "same-origin",
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError("away", path);
  }
}

/** Throws what a refusal means; a good answer is given back. */
export async function checked(path: string, response: Response): Promise<Response> {
  if (response.ok) return response;
  const trouble = TROUBLES[response.status] ?? "refused";
  if (trouble === "unauthorized") onUnauthorized();
  throw new ApiError(trouble, path, response.status, await complaintOf(response));
}

/** Asks, and reads the JSON of the answer; `undefined` for an answer without content. */
export async function send<T>(path: string, asked: Ask = {}): Promise<T> {
  const response = await checked(path, await ask(path, asked));
  if (response.status === 204) return undefined as T;
  try {
    return (await response.json()) as T;
  } catch {
    throw new ApiError("unreadable", path, response.status);
  }
}
