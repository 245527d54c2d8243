// Of what a call's tokens are made. Pure.

import type { TokenCounts } from "../../services/types";

export type Part = "fresh" | "cacheRead" | "cacheWrite" | "output";

/** The parts do not overlap, and those without tokens are left out. */
export function partsOf(counts: TokenCounts): { part: Part; tokens: number }[] {
  const { input_tokens, cache_read_tokens, cache_write_tokens, output_tokens } = counts;
  const parts: { part: Part; tokens: number }[] = [
    { part: "fresh", tokens: input_tokens - cache_read_tokens - cache_write_tokens },
    { part: "cacheRead", tokens: cache_read_tokens },
    { part: "cacheWrite", tokens: cache_write_tokens },
    { part: "output", tokens: output_tokens },
  ];
  return parts.filter(({ tokens }) => tokens > 0);
}
