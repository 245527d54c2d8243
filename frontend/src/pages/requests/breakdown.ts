// Of what a call's tokens are made. Pure.

import type { TokenCounts } from "../../services/types";

export type Part = "fresh" | "cacheRead" | "cacheWrite" | "cacheWrite1h" | "output" | "reasoning";

export interface Portion {
  part: Part;
  tokens: number;
}

/** The parts do not overlap, and those without tokens are left out. */
export function partsOf(counts: TokenCounts): Portion[] {
  const { input_tokens, cache_read_tokens, cache_write_tokens, cache_write_1h_tokens, output_tokens } = counts;
  // Who reports more reasoning than output has one of the two wrong; the output is what is billed.
  const reasoning = Math.min(counts.reasoning_tokens ?? 0, output_tokens);
  const parts: Portion[] = [
    { part: "fresh", tokens: input_tokens - cache_read_tokens - cache_write_tokens },
    { part: "cacheRead", tokens: cache_read_tokens },
    { part: "cacheWrite", tokens: cache_write_tokens - cache_write_1h_tokens },
    { part: "cacheWrite1h", tokens: cache_write_1h_tokens },
    { part: "output", tokens: output_tokens - reasoning },
    { part: "reasoning", tokens: reasoning },
  ];
  return parts.filter(({ tokens }) => tokens > 0);
}
