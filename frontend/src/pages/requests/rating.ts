// How a cost came about: tokens times price, for each part. Pure, and exact: in whole billionths of a dollar.

import type { Attempt } from "../../services/types";
import type { OneModel, PriceNow, Rates, Sheet } from "../models/priced";
import { type Part, partsOf } from "./breakdown";

/** A part with its price in USD per million tokens, and what it comes to before factors, in USD. */
export interface RatedPart {
  part: Part;
  tokens: number;
  rate: string;
  cost: string;
}

export interface Rating {
  parts: RatedPart[];
  /** What all of it is multiplied by: what the key pays, and terms that cost more. */
  factor: string;
}

/** What an attempt tells of how it was rated. */
export interface Terms {
  /** The terms that it was served on, as in `batch+us`; empty for the usual ones. */
  service_terms?: string;
  /** What the key paid of the price. */
  price_factor?: string | null;
}

type Rated = Pick<Attempt, "cost" | "price_version" | "provider"> & Pick<Terms, "price_factor"> & Parameters<typeof partsOf>[0];

const CLASS: Record<Part, keyof Rates> = {
  fresh: "input", cacheRead: "cache_read", cacheWrite: "cache_write_5m", cacheWrite1h: "cache_write_1h", output: "output", reasoning: "reasoning",
};

const NANO = 1_000_000_000n;
const MILLION = 1_000_000n;

function nano(amount: string): bigint {
  const [whole = "0", part = ""] = amount.split(".");
  return BigInt(whole || "0") * NANO + BigInt(part.slice(0, 9).padEnd(9, "0"));
}

const usd = (nanos: bigint) => `${nanos / NANO}.${String(nanos % NANO).padStart(9, "0")}`;

const rounded = (value: bigint, by: bigint) => (value + by / 2n) / by;

/** A price as it was written, with what follows from it. */
function complete(sheet: Sheet): Rates | undefined {
  const { input, output } = sheet;
  if (input == null || output == null) return undefined;
  const of = (name: keyof Rates, usual: string) => String(sheet[name] ?? usual);
  return {
    input: String(input), output: String(output), cache_read: of("cache_read", input), cache_write_5m: of("cache_write_5m", input),
    cache_write_1h: of("cache_write_1h", input), reasoning: of("reasoning", output),
  };
}

/** The rates that one price can mean: the usual ones, those of tiers and hours, and those for long prompts of each. */
function meanings(price: PriceNow, input: number): Rates[] {
  const usual = [price, ...Object.values(price.tiers ?? {}), ...(price.off_peak ? [price.off_peak] : [])];
  return usual.flatMap((rates) => {
    const steps = "long_context" in rates && Array.isArray(rates.long_context) ? rates.long_context : [];
    return [...steps.filter(({ above_input_tokens: above }) => input > above).toReversed(), rates];
  });
}

/** All rates that the attempt may have been booked with, by the name of its price. */
export function candidates(attempt: Rated, found: OneModel): Rates[] {
  const inForce = found.items.find(({ provider, price }) => provider === attempt.provider && price?.version === attempt.price_version);
  if (inForce?.price) return meanings(inForce.price, attempt.input_tokens);
  const written = found.history.find(({ version }) => version === attempt.price_version)?.price;
  const rates = written && complete(written);
  return rates ? [rates] : [];
}

/** The factors that some terms bring, and no factor. */
export const factorsOf = (found: OneModel): string[] => ["1", ...found.items.flatMap(({ price }) => Object.values(price?.multipliers ?? {}))];

/** How the booked cost came about; nothing where no known price leads to that very cost. */
export function rate(attempt: Rated, found: OneModel): Rating | undefined {
  if (attempt.cost === null) return undefined;
  const booked = nano(attempt.cost);
  const own = nano(attempt.price_factor ?? "1");
  for (const rates of candidates(attempt, found)) {
    const parts = partsOf(attempt).map(({ part, tokens }) => ({ part, tokens, rate: rates[CLASS[part]], sum: nano(rates[CLASS[part]]) * BigInt(tokens) }));
    const all = parts.reduce((sum, part) => sum + part.sum, 0n);
    for (const terms of factorsOf(found)) {
      const factor = rounded(own * nano(terms), NANO);
      const cost = rounded(all * factor, MILLION * NANO);
      if (cost - booked > 1n || booked - cost > 1n) continue;
      return { factor: usd(factor), parts: parts.map(({ sum, ...part }) => ({ ...part, cost: usd(rounded(sum, MILLION)) })) };
    }
  }
  return undefined;
}
