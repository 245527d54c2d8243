import { expect, test } from "vitest";
import type { Key } from "../../../services/types";
import { sharing, type WayTest, waysOf } from "./ways";

const key = (id: number, proxy_ip: string) => ({ id, proxy_ip }) as Key;
const told = (ip: string | null): WayTest => ({ ok: ip !== null, ip, latency_ms: 9, message: null });

const ways = waysOf([key(1, "socks5://b:1"), key(2, ""), key(3, ""), key(4, "socks5://a:1")]);

test("keys stand with their way, the busiest first", () => {
  expect(ways.map(({ proxy, keys }) => [proxy, keys.length])).toEqual([["", 2], ["socks5://a:1", 1], ["socks5://b:1", 1]]);
});

test("two proxies that come out at one address share it", () => {
  const [direct, a] = ways;
  if (!direct || !a) throw new Error("there are three ways");
  const tests = new Map([["socks5://a:1", told("203.0.113.7")], ["socks5://b:1", told("203.0.113.7")], ["", told(null)]]);
  expect(sharing(a, ways, tests)).toBe(2);
  expect(sharing(a, ways, new Map())).toBe(1);
  expect(sharing(direct, ways, tests)).toBe(2);
});
