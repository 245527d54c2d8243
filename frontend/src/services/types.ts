// The JSON of the server, as far as the UI reads it. Money is a decimal string in USD, times are RFC 3339 UTC.

export interface Health {
  status: string;
  version: string;
}

export interface List<Item> {
  items: Item[];
  next_cursor: string | null;
  total?: number;
}

export interface Quantiles {
  p50: number | null;
  p95: number | null;
  p99: number | null;
}

/** One row of sums. */
export interface Sums {
  requests: number;
  errors: number;
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  reasoning_tokens: number | null;
  cost: string;
  /** Requests whose price is unknown; `cost` does not contain them. */
  unpriced_requests: number;
  average_latency_ms: number | null;
  average_first_byte_ms: number | null;
  /** What half, nineteen of twenty and ninety-nine of a hundred took at most. */
  latency_ms: Quantiles;
  first_byte_ms: Quantiles;
  /** What reading from prompt caches saved, in USD; unknown without a price. */
  cache_saved?: string | null;
}

export type KeyCounts = Record<"total" | "ready" | "cooling" | "out_of_credit" | "disabled", number>;

export interface Overview extends Sums {
  from: string;
  to: string;
  keys: KeyCounts;
}

export interface Table<Row> {
  from: string;
  to: string;
  items: Row[];
}

export interface TimelineRow extends Sums {
  time: string;
}

export interface KeyRow extends Sums {
  key_id: number | null;
  name: string | null;
  provider: string | null;
}

export interface ModelRow extends Sums {
  model: string;
}

export interface ProviderRow extends Sums {
  provider: string | null;
}

export interface TokenRow extends Sums {
  token_id: number | null;
  name: string | null;
}

export type KeyState = "ready" | "cooling" | "out_of_credit" | "out_of_budget" | "disabled" | "probing";

export interface KeyStatus {
  state: KeyState;
  until?: string | null;
  reason?: string | null;
}

export interface Limits {
  rpm: number | null;
  tpm: number | null;
  concurrency: number | null;
}

export interface Key {
  id: number;
  create_time: string;
  update_time: string;
  name: string;
  provider: string;
  api_key_hint: string;
  fingerprint: string;
  ua: string;
  proxy_ip: string;
  base_url: string | null;
  formats: string[] | null;
  enabled: boolean;
  priority: number;
  weight: number;
  models: string[];
  models_denied: string[];
  limits: Limits;
  headers: Record<string, string>;
  account: string | null;
  budget?: Budget | null;
  total_balance: string | null;
  price_factor: string;
  tags: string[];
  memo: string;
  balance: string | null;
  balance_currency: string | null;
  balance_usd: string | null;
  balance_source: "reported" | "computed" | "manual" | "none";
  balance_last_update: string | null;
  status: KeyStatus;
  today: { requests: number; tokens: number; cost: string };
}

export interface ModelHealth {
  model: string;
  state: KeyState;
  until: string | null;
  reason: string | null;
}

/** A stretch of time in which a key or its account was not well. */
export interface HealthEvent {
  of: string;
  model: string | null;
  state: KeyState;
  from: string;
  to: string;
  until: string | null;
  reason: string;
  times: number;
}

export interface KeyHealth {
  key_id: number;
  status: KeyStatus;
  models: ModelHealth[];
  /** What happened before, the newest first. */
  history?: HealthEvent[];
}

export interface Balance {
  key_id: number;
  balance: string | null;
  balance_currency: string | null;
  balance_usd: string | null;
  balance_source: Key["balance_source"];
  balance_last_update: string | null;
  age_seconds: number | null;
  reported: { amount: string | null; currency: string | null; at: string; probe: string; warnings: string[] } | null;
  computed: { amount: string; total: string; booked: string; unpriced_requests: number } | null;
  manual: { amount: string; currency: string; left: string | null; at: string } | null;
  minimum: string | null;
  stopped: boolean;
  burn: { booked_per_day: string | null; reported_per_day: string | null };
  days_left: number | null;
  last_error: { kind: string; message: string; raw: string | null; at: string } | null;
  next_refresh: string | null;
  missing_values: string[];
}

export interface BudgetRules {
  limit: string;
  window: "day" | "week" | "month" | "total";
  /** Whose midnight windows begin at. */
  zone?: string;
  /** Whether what is spent can never be more than the limit. */
  hard?: boolean;
  max_output?: number | null;
  unpriced?: unknown;
}

/** A budget with what is used of it. */
export interface Budget extends BudgetRules {
  spent?: string;
  held?: string;
  remaining?: string;
  resets_at?: string | null;
}

export interface ClientToken {
  id: number;
  create_time: string;
  update_time: string;
  name: string;
  enabled: boolean;
  expires_at: string | null;
  models: string[];
  ip_allow: string[];
  limits: Limits;
  budget: Budget | null;
  /** The group whose limits and budget hold too. */
  group_id?: number | null;
  strict_translation: boolean;
  memo: string;
  token_hint: string;
  /** There only in the answer that made it. */
  token?: string;
}

/** Client tokens that share limits and a budget. */
export interface TokenGroup {
  id: number;
  name: string;
  limits: Limits;
  budget: Budget | null;
  memo: string;
}

export interface Candidate {
  model: string;
  provider: string | null;
  tier: number;
  weight: number;
}

export interface Route {
  id: number;
  model: string;
  candidates: Candidate[];
  strategy: string;
  strict_translation: boolean;
}

export interface Provider {
  id: string;
  name: string;
  base_url: string | null;
  formats: string[];
  models: string[];
  credential_optional: boolean;
}

export interface TokenCounts {
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
  cache_read_tokens: number;
  cache_write_tokens: number;
  cache_write_5m_tokens: number;
  cache_write_1h_tokens: number;
  reasoning_tokens: number | null;
}

/** A call in the books. */
export interface Call extends TokenCounts {
  id: number;
  create_time: string;
  call_id: string;
  token_id: number | null;
  key_id: number | null;
  provider: string | null;
  model: string;
  upstream_model: string | null;
  format: string;
  upstream_format: string | null;
  endpoint: string;
  stream: boolean;
  cost: string | null;
  latency_ms: number | null;
  first_byte_ms: number | null;
  status: "success" | "error" | "open";
  outcome: "done" | "failed" | "hung_up" | "cut" | null;
  http_status_code: number | null;
  error_type: string | null;
  error_message: string | null;
  attempts: number;
  estimated: boolean;
}

export interface Attempt extends TokenCounts {
  id: string | number;
  key_id: number;
  provider: string;
  upstream_format: string;
  upstream_model: string;
  served: boolean;
  verdict: string;
  http_status_code: number | null;
  error_message: string | null;
  create_time: string;
  latency_ms: number;
  first_byte_ms: number | null;
  estimated: boolean;
  cost: string | null;
  price_version: string | null;
  cache_saved?: string | null;
  /** What decided for this key: `home`, `hash` or `strategy`. */
  chosen_by?: string | null;
  /** Among how many it was chosen. */
  candidates?: number | null;
}

/** Why a key was not asked. */
export interface Hindrance {
  key_id: number;
  why: string;
  until?: string | null;
  reason?: string | null;
}

/** A choice at which somebody was passed over, or after which nobody was asked. */
export interface Choice {
  after_attempts: number;
  outcome: string;
  candidates: number;
  passed_over?: Record<string, number>;
  first?: Hindrance[];
  despite?: Hindrance | null;
  waited_ms?: number | null;
}

export interface Loss {
  side: string;
  kind: string;
  field: string;
  note: string;
}

export interface CallDetail extends Call {
  attempts_detail: Attempt[];
  choices?: Choice[];
  losses: Loss[];
}

export interface Setting {
  key: string;
  value: string | null;
}
