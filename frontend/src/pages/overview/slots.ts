// How many moments fall into each of equal pieces of time. Pure.

/** Counts of `times` in `slots` pieces of the `span` milliseconds before `now`, the oldest first. */
export function perSlot(times: readonly number[], now: number, span: number, slots: number): number[] {
  const counts = Array.from({ length: slots }, () => 0);
  for (const time of times) {
    const slot = Math.floor(((time - (now - span)) / span) * slots);
    if (slot >= 0 && slot < slots) counts[slot] = (counts[slot] ?? 0) + 1;
  }
  return counts;
}
