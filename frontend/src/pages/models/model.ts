// A model as `GET /api/models` tells it.

/** In USD per million tokens. */
export interface Price {
  input: string;
  cache_read: string;
  output: string;
  /** Which row of which list it is. */
  version: string;
}

export interface Model {
  model: string;
  /** Nobody's: a route of ours. */
  provider: string | null;
  keys: number[];
  price: Price | null;
  /** When an upstream last listed it. */
  listed_at: string | null;
}
