// The JSON of the server, as the UI reads it: names for what `openapi.ts` has, which is made of the server's own document.
// Money is a decimal string in USD, times are RFC 3339 UTC.

import type { components } from "./openapi";

type Schema = components["schemas"];

/** A page of a list. */
export interface List<Item> {
  items: Item[];
  next_cursor: string | null;
  total?: number;
}

/** A table of sums, of whole hours or days. */
export interface Table<Row> {
  from: string;
  to: string;
  items: Row[];
}

/** One row of sums, whatever they are of. */
export type Sums = Omit<Schema["Overview"], "from" | "to" | "keys">;

export type Health = Schema["Health"];
export type Quantiles = Schema["Quantiles"];
export type KeyCounts = Schema["KeyCounts"];
export type Overview = Schema["Overview"];
export type TimelineRow = Schema["TimelineRow"];
export type KeyRow = Schema["KeyRow"];
export type ModelRow = Schema["ModelRow"];
export type ProviderRow = Schema["ProviderRow"];
export type TokenRow = Schema["TokenRow"];
export type KeyState = Schema["KeyState"];
export type KeyStatus = Schema["KeyStatus"];
export type Limits = Schema["Limits"];
export type Key = Schema["Key"];
export type ModelHealth = Schema["ModelHealth"];
export type HealthEvent = Schema["HealthEvent"];
export type KeyHealth = Schema["KeyHealth"];
export type Balance = Schema["Balance"];
/** A budget as it is written. */
export type BudgetRules = Schema["Budget"];
/** A budget with what is used of it. */
export type Budget = Schema["BudgetUse"];
export type ClientToken = Schema["ClientToken"];
export type TokenGroup = Schema["TokenGroup"];
export type Candidate = Schema["RouteCandidate"];
export type Route = Schema["Route"];
export type Provider = Schema["Provider"];
export type Call = Schema["Call"];
/** One try of a call on one key. */
export type Attempt = Schema["Attempt"];
export type Hindrance = Schema["Hindrance"];
export type Choice = Schema["Choice"];
export type Loss = Schema["Loss"];
export type CallDetail = Schema["CallDetail"];
export type Setting = Schema["Setting"];
export type Bulk = Schema["Bulk"];
export type Deed = Schema["Deed"];
export type Explanation = Schema["Explanation"];
export type Import = Schema["Import"];
export type KeyTrial = Schema["KeyTrial"];
export type Me = Schema["Me"];
export type SetupState = Schema["SetupState"];
export type Model = Schema["Model"];
export type Price = Schema["Price"];
export type Refreshed = Schema["Refreshed"];
export type Role = Schema["Role"];
export type Rule = Schema["Rule"];
export type RuleTrial = Schema["RuleTrial"];
export type User = Schema["User"];

/** What a call or a try of it used. */
export type TokenCounts = Pick<
  Call,
  | "input_tokens"
  | "output_tokens"
  | "total_tokens"
  | "cache_read_tokens"
  | "cache_write_tokens"
  | "cache_write_5m_tokens"
  | "cache_write_1h_tokens"
  | "reasoning_tokens"
>;
