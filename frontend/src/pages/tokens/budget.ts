// How a budget stands. Pure; what is shown is rounded, what is spent is not.

import type { Budget } from "../../services/types";
import { type AlertRule, THRESHOLDS } from "../alerts/rule";

/** What of a budget decides how it stands. */
type Used = Pick<Budget, "limit"> & Partial<Pick<Budget, "spent" | "held">>;

export interface Standing {
  /** Parts of the limit, from 0 to 1, side by side in a bar. */
  spent: number;
  held: number;
  /** In USD, never below nothing. */
  left: number;
  isUsedUp: boolean;
}

export function standing({ limit, spent = "0", held = "0" }: Used): Standing {
  const [all, gone, kept] = [Number(limit), Number(spent), Number(held)];
  const part = (amount: number, room: number) => (all > 0 ? Math.max(0, Math.min(amount / all, room)) : room);
  const spentPart = part(gone, 1);
  return {
    spent: spentPart,
    held: part(kept, 1 - spentPart),
    left: Math.max(0, all - gone - kept),
    isUsedUp: gone + kept >= all,
  };
}

/** The least part of a budget at which a rule that looks at all budgets tells somebody. */
export function softLimit(rules: readonly Pick<AlertRule, "kind" | "enabled" | "threshold" | "only">[]): number | undefined {
  const told = rules.filter(({ kind, enabled, only }) => kind === "budget_used" && enabled && only.length === 0);
  const parts = told.map(({ threshold }) => Number(threshold ?? THRESHOLDS.budget_used?.usual) / 100);
  return parts.length > 0 ? Math.min(...parts) : undefined;
}

const NANO = 1_000_000_000n;

/** `amount` more, reckoned in whole nano-dollars. */
export function plus(limit: string, amount: number): string {
  const [, sign = "", whole = "0", part = ""] = /^(-?)(\d*)(?:\.(\d*))?$/.exec(limit.trim()) ?? [];
  const nanos = BigInt(whole || "0") * NANO + BigInt(part.slice(0, 9).padEnd(9, "0"));
  const sum = (sign ? -nanos : nanos) + BigInt(amount) * NANO;
  const rest = String(sum % NANO).padStart(9, "0").replace(/0{0,7}$/, "");
  return `${sum / NANO}.${rest}`;
}
