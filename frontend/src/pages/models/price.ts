// A price as the form holds it, and what differs between two. Pure.

import { CLASSES, type PriceClass, type PriceRow, type Rates, type Sheet } from "./priced";

export interface PriceValues extends Rates {
  provider: string;
  /** In the reader's zone, as the browser's field has it; empty: from now on. */
  validFrom: string;
  note: string;
}

export const noRates: Rates = { input: "", output: "", cache_read: "", cache_write_5m: "", cache_write_1h: "", reasoning: "" };

/** Without the zeros that say nothing, as people type prices. */
export const plain = (amount: string) => (amount.includes(".") ? amount.replace(/\.?0+$/, "") : amount);

export function ratesOf(sheet: Sheet | null | undefined): Rates {
  const pairs = CLASSES.map((name) => [name, sheet?.[name] == null ? "" : plain(String(sheet[name]))] as const);
  return { ...noRates, ...Object.fromEntries(pairs) };
}

/** The price that an operator has written last for a provider, or for all of them. */
export const ownPrice = (history: readonly PriceRow[], provider: string | null): PriceRow | undefined =>
  history.find((row) => row.origin === "own" && row.provider === provider);

/** What is sent. Of an own price, what the form does not show stays: tiers, long prompts, hours. */
export function priceBody(values: PriceValues, known: Sheet | null | undefined): Record<string, unknown> {
  const { provider, validFrom, note, ...rates } = values;
  const kept = Object.entries(known ?? {}).filter(([name]) => !(CLASSES as readonly string[]).includes(name));
  const written = Object.entries(rates).flatMap(([name, amount]) => (amount.trim() ? [[name, amount.trim().replace(/^\$/, "")]] : []));
  return {
    provider: provider || null,
    price: Object.fromEntries([...kept, ...written]),
    ...(validFrom && { valid_from: new Date(validFrom).toISOString() }),
    note: note.trim(),
  };
}

/** The classes whose rates are not the same. */
export function differences(before: Partial<Rates> | null, after: Partial<Rates>): { name: PriceClass; before: string | undefined; after: string | undefined }[] {
  const shown = (rates: Partial<Rates> | null, name: PriceClass) => (rates?.[name] == null ? undefined : plain(String(rates[name])));
  return CLASSES.map((name) => ({ name, before: shown(before, name), after: shown(after, name) })).filter((row) => row.before !== row.after);
}
