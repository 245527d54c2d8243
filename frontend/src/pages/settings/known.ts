// The settings that the pool knows, beside those that somebody has set. Pure.

import type { Setting } from "../../services/types";

/** Their names, with an example of what they take. */
export const KNOWN: Record<string, { example: string; usual: string | null }> = {
  retention: { example: '{"days":90,"bytes":10000000000}', usual: null },
  bodies: { example: '{"of":"all"}', usual: '{"of":"nobody"}' },
  site_budget: { example: '{"limit":"50","window":"day"}', usual: null },
  site_limits: { example: '{"rpm":600,"concurrency":50}', usual: null },
  egress_echo_url: { example: "https://api.ipify.org/", usual: "https://api.ipify.org/" },
};

export interface SettingNow {
  key: string;
  /** Nothing: it is as by default. */
  value: string | null;
  usual: string | null;
}

/** Known ones first, set or not; then whatever else was set. */
export function settingsNow(set: readonly Setting[]): SettingNow[] {
  const values = new Map(set.map(({ key, value }) => [key, value]));
  const known = Object.entries(KNOWN).map(([key, { usual }]) => ({ key, value: values.get(key) ?? null, usual }));
  const others = set.filter(({ key }) => !(key in KNOWN)).map(({ key, value }) => ({ key, value, usual: null }));
  return [...known, ...others];
}
