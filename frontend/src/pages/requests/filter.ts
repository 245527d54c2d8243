// The filters of the log, as the URL has them and as the server takes them. Pure.

import type { Query } from "../../services/http";
import { period, type Span } from "../../services/search";
import type { Call } from "../../services/types";

export interface LogSearch {
  span?: Span;
  from?: string;
  to?: string;
  key_id?: number;
  token_id?: number;
  model?: string;
  status?: "success" | "error" | "open";
  error_type?: string;
  /** What is left out, with commas between. */
  not_key_id?: string;
  not_token_id?: string;
  not_model?: string;
  not_error_type?: string;
  q?: string;
  open?: string;
}

/** What can be filtered by with a click on it. */
export type Facet = "key_id" | "token_id" | "model" | "error_type";

export const facets: readonly Facet[] = ["key_id", "token_id", "model", "error_type"];

/** The values of a facet that are left out. */
export const leftOut = (search: LogSearch, facet: Facet): string[] => (search[`not_${facet}`] ?? "").split(",").filter(Boolean);

/** The change that leaves a value out, or lets it in again. */
export function withLeftOut(search: LogSearch, facet: Facet, value: string | number, out: boolean): Partial<LogSearch> {
  const others = leftOut(search, facet).filter((other) => other !== String(value));
  const values = out ? [...others, String(value)] : others;
  return { [`not_${facet}`]: values.join(",") || undefined, ...(out && String(search[facet]) === String(value) && { [facet]: undefined }) };
}

export const USUAL_SPAN: Span = "24h";

/** What the server is asked. It knows no names of keys: words that are in one are looked for here. Moments are rounded down to the minute, so that one question is asked once. */
export function questionOf(search: LogSearch, now: number, names: readonly string[] = []): Query {
  const { from, to } = period(search, USUAL_SPAN, Math.floor(now / 60_000) * 60_000);
  const { key_id, token_id, model, status, error_type, q } = search;
  const { not_key_id, not_token_id, not_model, not_error_type } = search;
  const isName = names.some((name) => name.toLowerCase().includes((q ?? "").trim().toLowerCase()));
  return { from, to, key_id, token_id, model, status, error_type, not_key_id, not_token_id, not_model, not_error_type, text: isName ? undefined : q?.trim() };
}

/** Whether a row that came by itself belongs into the list; the same rules as the server's. */
export function fits(call: Call, search: LogSearch): boolean {
  const { key_id, token_id, model, status, error_type, to } = search;
  return (
    facets.every((facet) => !leftOut(search, facet).includes(String(call[facet]))) &&
    (key_id === undefined || call.key_id === key_id) &&
    (token_id === undefined || call.token_id === token_id) &&
    (model === undefined || call.model === model) &&
    (status === undefined || call.status === status) &&
    (error_type === undefined || call.error_type === error_type) &&
    (to === undefined || Date.parse(call.create_time) < Date.parse(to))
  );
}

/** Newer rows before older ones; a row that is there already is replaced by its newer state. */
export function merged(newer: readonly Call[], older: readonly Call[]): Call[] {
  const fresh = new Map(newer.map((call) => [call.id, call]));
  const kept = older.map((call) => {
    const found = fresh.get(call.id);
    fresh.delete(call.id);
    return found ?? call;
  });
  if (fresh.size === 0) return kept;
  return [...fresh.values(), ...kept].toSorted((a, b) => b.id - a.id);
}

/** Whether a row says `q` somewhere. */
export function says(call: Call, q: string, names: (call: Call) => string): boolean {
  const wanted = q.toLowerCase();
  const places = [call.call_id, call.model, call.upstream_model, call.provider, call.error_type, call.error_message, names(call)];
  return places.some((place) => place?.toLowerCase().includes(wanted));
}
