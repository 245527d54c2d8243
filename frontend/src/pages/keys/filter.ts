// Which keys of many are shown. Pure.

import { needsAttention } from "../../services/fitness";
import type { Key } from "../../services/types";

export interface KeyFilter {
  q?: string;
  state?: "ready" | "cooling" | "out_of_credit" | "out_of_budget" | "disabled" | "probing" | "trouble";
  provider?: string;
  tag?: string;
}

/** What a search looks into. The credential is known by its hint alone; a whole one still finds its key. */
function says(key: Key, q: string): boolean {
  const [head, tail] = key.api_key_hint.split("…");
  const isWhole = q.length > 8 && !!tail && q.startsWith(head ?? "") && q.endsWith(tail);
  const places = [key.name, key.provider, key.memo, key.api_key_hint, key.fingerprint, key.account, key.proxy_ip, key.base_url, key.status.reason, ...key.tags];
  return isWhole || places.some((place) => place?.toLowerCase().includes(q.toLowerCase()));
}

export function fits(key: Key, { q, state, provider, tag }: KeyFilter): boolean {
  if (state === "trouble" ? !needsAttention(key) : state && key.status.state !== state) return false;
  if (provider && key.provider !== provider) return false;
  if (tag && !key.tags.includes(tag)) return false;
  return !q || says(key, q.trim());
}
