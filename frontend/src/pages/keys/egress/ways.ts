// Keys by the way that their requests leave, and which ways come out at one address. Pure.

import type { Key } from "../../../services/types";

export interface Way {
  /** The proxy as it is shown; empty for a direct connection. */
  proxy: string;
  keys: Key[];
}

/** The answer of `POST /api/keys/{id}/egress`. */
export interface WayTest {
  ok: boolean;
  ip: string | null;
  latency_ms: number;
  message: string | null;
}

/** The way of most keys first. */
export function waysOf(keys: readonly Key[]): Way[] {
  const ways = new Map<string, Key[]>();
  for (const key of keys) ways.set(key.proxy_ip, [...(ways.get(key.proxy_ip) ?? []), key]);
  const found = [...ways].map(([proxy, keys]) => ({ proxy, keys }));
  return found.toSorted((a, b) => b.keys.length - a.keys.length || a.proxy.localeCompare(b.proxy));
}

/** How many keys the world sees come from the address of `way`, as far as ways were tested. */
export function sharing(way: Way, ways: readonly Way[], tests: ReadonlyMap<string, WayTest>): number {
  const ip = tests.get(way.proxy)?.ip;
  if (!ip) return way.keys.length;
  return ways.filter(({ proxy }) => tests.get(proxy)?.ip === ip).reduce((sum, { keys }) => sum + keys.length, 0);
}
