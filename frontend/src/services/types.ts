// The JSON of the server, as far as the UI reads it. Money is a decimal string in USD, times are RFC 3339 UTC.

export interface Health {
  status: string;
  version: string;
}

export interface Overview {
  from: string;
  to: string;
  requests: number;
  errors: number;
  input_tokens: number;
  output_tokens: number;
  total_tokens: number;
  cost: string;
  /** Requests whose price is unknown; `cost` does not contain them. */
  unpriced_requests: number;
  keys: Record<"total" | "ready" | "cooling" | "out_of_credit" | "disabled", number>;
}

export type KeyState = "ready" | "cooling" | "out_of_credit" | "disabled" | "probing";

export interface KeyStatus {
  state: KeyState;
  until?: string | null;
  reason?: string | null;
}

export interface Key {
  id: number;
  name: string;
  provider: string;
  api_key_hint: string;
  status: KeyStatus;
  today: { requests: number; tokens: number; cost: string };
}

export interface List<Item> {
  items: Item[];
  next_cursor: string | null;
}
