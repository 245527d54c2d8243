// The prices of a model as `GET /api/models/{model}` tells them: in force, and written before.

/** The classes of tokens that have prices of their own, in USD per million. */
export const CLASSES = ["input", "output", "cache_read", "cache_write_5m", "cache_write_1h", "reasoning"] as const;

export type PriceClass = (typeof CLASSES)[number];

export type Rates = Record<PriceClass, string>;

/** Rates for prompts that are longer than this. */
export interface LongContext extends Rates {
  above_input_tokens: number;
}

/** A price that is in force, worked out. */
export interface PriceNow extends Rates {
  long_context?: LongContext[];
  tiers?: Record<string, Rates & { long_context?: LongContext[] }>;
  off_peak?: Rates;
  multipliers?: Record<string, string>;
  /** Which row of which list it is. */
  version: string;
}

/** The model at one provider. */
export interface PricedModel {
  model: string;
  /** Nobody's: a route of ours. */
  provider: string | null;
  price: PriceNow | null;
}

/** A price as it was written: what is left out follows from the rest. */
export type Sheet = Partial<Rates> & Record<string, unknown>;

/** A price that was written while the pool ran. */
export interface PriceRow {
  id: number;
  create_time: string;
  version: string;
  /** `own` goes before `list`. */
  origin: string;
  provider: string | null;
  model: string;
  valid_from: string;
  /** Nothing: from then on there was none of this origin. */
  price: Sheet | null;
  source: string;
  who: string;
  note: string;
}

export interface OneModel {
  model: string;
  items: PricedModel[];
  history: PriceRow[];
}

export const modelPath = (model: string) => `/api/models/${encodeURIComponent(model)}`;
