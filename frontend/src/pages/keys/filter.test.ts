import { expect, test } from "vitest";
import type { Key } from "../../services/types";
import { fits, type KeyFilter } from "./filter";

const key = {
  name: "team A", provider: "openai", memo: "", api_key_hint: "sk-…abcd", fingerprint: "f00", account: null, proxy_ip: "", base_url: null,
  tags: ["eu"], enabled: true, status: { state: "cooling", reason: "rate_limited: 429 slow down" },
} as unknown as Key;

test.each<[KeyFilter, boolean]>([
  [{}, true],
  [{ q: "TEAM" }, true],
  [{ q: "slow" }, true],
  [{ q: "abcd" }, true],
  [{ q: "sk-0123456789-abcd" }, true],
  [{ q: "sk-0123456789-wxyz" }, false],
  [{ state: "cooling" }, true],
  [{ state: "ready" }, false],
  [{ state: "trouble" }, true],
  [{ provider: "anthropic" }, false],
  [{ tag: "eu", provider: "openai", q: "team" }, true],
  [{ tag: "us" }, false],
])("%j shows it: %s", (filter, expected) => {
  expect(fits(key, filter)).toBe(expected);
});
