// A key as the form holds it, and as the server wants it. Pure.

import { rulesOf } from "../../services/budget";
import type { Key } from "../../services/types";

export interface KeyValues {
  name: string;
  provider: string;
  api_key: string;
  base_url: string;
  tags: string;
  memo: string;
  priority: string;
  weight: string;
  models: string;
  models_denied: string;
  rpm: string;
  tpm: string;
  concurrency: string;
  proxy_ip: string;
  ua: string;
  total_balance: string;
  price_factor: string;
  budget: string;
  window: string;
  account: string;
}

export const blank: KeyValues = {
  name: "", provider: "openai", api_key: "", base_url: "", tags: "", memo: "", priority: "0", weight: "1", models: "", models_denied: "",
  rpm: "", tpm: "", concurrency: "", proxy_ip: "", ua: "", total_balance: "", price_factor: "1", budget: "", window: "month", account: "",
};

const shown = (value: string | number | null) => (value === null ? "" : String(value));

export function valuesOf(key: Key): KeyValues {
  const { limits } = key;
  return {
    name: key.name,
    provider: key.provider,
    api_key: "",
    base_url: shown(key.base_url),
    tags: key.tags.join(", "),
    memo: key.memo,
    priority: shown(key.priority),
    weight: shown(key.weight),
    models: key.models.join("\n"),
    models_denied: key.models_denied.join("\n"),
    rpm: shown(limits.rpm),
    tpm: shown(limits.tpm),
    concurrency: shown(limits.concurrency),
    proxy_ip: key.proxy_ip,
    ua: key.ua,
    total_balance: shown(key.total_balance),
    price_factor: key.price_factor,
    budget: key.budget?.limit ?? "",
    window: key.budget?.window ?? "month",
    account: shown(key.account),
  };
}

/** Words with commas or line ends between. */
export const listOf = (text: string): string[] => text.split(/[,，\n]/).map((word) => word.trim()).filter(Boolean);

/** An empty field is no number; what is no number goes as it is, for the server to name it. */
function numberOf(text: string): number | string | null {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  return Number.isFinite(Number(trimmed)) ? Number(trimmed) : trimmed;
}

/** What the server gets. A credential that was not typed is not sent, so that the stored one stays. */
export function bodyOf(values: KeyValues): Record<string, unknown> {
  return {
    name: values.name.trim(),
    provider: values.provider,
    ...(values.api_key.trim() && { api_key: values.api_key.trim() }),
    base_url: values.base_url.trim() || null,
    tags: listOf(values.tags),
    memo: values.memo,
    priority: numberOf(values.priority) ?? 0,
    weight: numberOf(values.weight) ?? 1,
    models: listOf(values.models),
    models_denied: listOf(values.models_denied),
    limits: { rpm: numberOf(values.rpm), tpm: numberOf(values.tpm), concurrency: numberOf(values.concurrency) },
    proxy_ip: values.proxy_ip.trim(),
    ua: values.ua.trim(),
    total_balance: values.total_balance.trim() || null,
    price_factor: values.price_factor.trim() || "1",
    budget: values.budget.trim() ? { limit: values.budget.trim().replace(/^\$/, ""), window: values.window } : null,
    account: values.account.trim() || null,
  };
}

/** Only what was changed is sent, so that nobody's other change is undone. */
export function changed(before: KeyValues, after: KeyValues, key?: Key): Record<string, unknown> {
  const [old, now] = [bodyOf(before), bodyOf(after)];
  const found = Object.fromEntries(Object.entries(now).filter(([name, value]) => JSON.stringify(value) !== JSON.stringify(old[name])));
  // What this form does not show of a budget stays.
  return found["budget"] ? { ...found, budget: { ...rulesOf(key?.budget), ...(found["budget"] as object) } } : found;
}

/** What can be changed where it stands. */
export type SmallField = "name" | "memo" | "tags" | "priority" | "weight";

/** What is sent to set one field, and to take that back. */
export function smallChange(key: Key, field: SmallField, typed: string): { body: Partial<Key>; back: Partial<Key> } {
  const before = valuesOf(key);
  const after = { ...before, [field]: typed };
  return { body: changed(before, after), back: changed(after, before) };
}
