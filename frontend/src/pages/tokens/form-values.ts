// A token as the form holds it, and as the server wants it. Pure.

import { rulesOf } from "../../services/budget";
import type { ClientToken } from "../../services/types";
import { listOf } from "../keys/form-values";

export interface TokenValues {
  name: string;
  expires: string;
  models: string;
  budget: string;
  window: string;
  rpm: string;
  tpm: string;
  concurrency: string;
  ips: string;
  strict: boolean;
  hard: boolean;
  group: string;
  memo: string;
}

export const blank: TokenValues = {
  name: "", expires: "", models: "", budget: "", window: "month", rpm: "", tpm: "", concurrency: "", ips: "", strict: false, hard: false, group: "", memo: "",
};

/** A moment as the browser's own field for one holds it, in the reader's zone. */
export function localTime(at: string | null): string {
  if (!at) return "";
  const then = new Date(at);
  return new Date(then.getTime() - then.getTimezoneOffset() * 60_000).toISOString().slice(0, 16);
}

const shown = (value: number | null) => (value === null ? "" : String(value));

export function valuesOf(token: ClientToken): TokenValues {
  return {
    name: token.name,
    expires: localTime(token.expires_at),
    models: token.models.join("\n"),
    budget: token.budget?.limit ?? "",
    window: token.budget?.window ?? "month",
    rpm: shown(token.limits.rpm),
    tpm: shown(token.limits.tpm),
    concurrency: shown(token.limits.concurrency),
    ips: token.ip_allow.join("\n"),
    strict: token.strict_translation,
    hard: token.budget?.hard ?? false,
    group: token.group_id ? String(token.group_id) : "",
    memo: token.memo,
  };
}

const numberOf = (text: string) => (text.trim() === "" ? null : Number.isFinite(Number(text)) ? Number(text) : text.trim());

export function bodyOf(values: TokenValues): Record<string, unknown> {
  const budget = values.budget.trim().replace(/^\$/, "");
  return {
    name: values.name.trim(),
    expires_at: values.expires ? new Date(values.expires).toISOString() : null,
    models: listOf(values.models),
    budget: budget ? { limit: budget, window: values.window, ...(values.hard && { hard: true }) } : null,
    limits: { rpm: numberOf(values.rpm), tpm: numberOf(values.tpm), concurrency: numberOf(values.concurrency) },
    ip_allow: listOf(values.ips),
    group_id: values.group ? Number(values.group) : null,
    strict_translation: values.strict,
    memo: values.memo,
  };
}

/** Only what was changed. For a new token that is all that differs from the default. */
export function changed(before: TokenValues, after: TokenValues, token?: ClientToken): Record<string, unknown> {
  const [old, now] = [bodyOf(before), bodyOf(after)];
  const found = Object.fromEntries(Object.entries(now).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name])));
  if (!found["budget"]) return found;
  // What this form does not show of a budget stays; days are those of the reader, unless somebody chose others.
  const rules = rulesOf(token?.budget);
  const zone = rules.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
  return { ...found, budget: { ...rules, zone, hard: after.hard, ...(found["budget"] as object) } };
}
