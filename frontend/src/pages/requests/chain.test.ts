import { expect, test } from "vitest";
import { chainOf } from "./chain";

const link = (key_id: number, http_status_code: number | null, latency_ms: number) => ({ key_id, verdict: "network", http_status_code, latency_ms });

test("those before the last are told with their status, or with what it meant", () => {
  expect(chainOf({ chain: [link(7, 429, 800), link(8, null, 500), link(12, 200, 900)] })).toEqual({
    before: [{ key_id: 7, status: "429" }, { key_id: 8, status: "network" }],
    lostMs: 1_300,
  });
});

test("one key is no chain", () => {
  expect(chainOf({ chain: [link(7, 200, 800)] })).toBeUndefined();
  expect(chainOf({})).toBeUndefined();
});
