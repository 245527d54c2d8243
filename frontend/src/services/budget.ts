// A budget as it is written. Pure.

import type { Budget, BudgetRules } from "./types";

/** What of a budget can be written back: what was spent is not said by anybody. */
export function rulesOf(budget: Budget | null | undefined): Partial<BudgetRules> {
  if (!budget) return {};
  const { spent: _spent, held: _held, remaining: _remaining, resets_at: _resets, ...rules } = budget;
  return rules;
}
