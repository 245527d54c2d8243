// A server of a few made-up keys on 127.0.0.1:8000, to work on the UI without a pool: `npm run mock`, then `npm run dev`.
//
// Any token but `wrong` is good. The first argument names a situation: `usual` (default), `empty`, `not-ready`, `broken`.

import { createServer } from "node:http";

const situation = process.argv[2] ?? "usual";
const inSeconds = (/** @type {number} */ seconds) => new Date(Date.now() + seconds * 1000).toISOString();

/** @type {(id: number, name: string, provider: string, status: object, today: object) => object} */
const key = (id, name, provider, status, today) => ({ id, name, provider, api_key_hint: "sk-…a1B2", status, today });

const usualKeys = [
  key(1, "team A", "anthropic", { state: "ready" }, { requests: 18_204, tokens: 41_200_113, cost: "212.403100000" }),
  key(2, "team B", "anthropic", { state: "cooling", until: inSeconds(95), reason: "429: tokens per minute" }, { requests: 9_120, tokens: 20_511_900, cost: "99.120000000" }),
  key(3, "spare", "openai", { state: "out_of_credit", until: inSeconds(3600), reason: "insufficient_quota: check your plan" }, { requests: 3, tokens: 911, cost: "0.000040000" }),
  key(4, "paused by Ana", "deepseek", { state: "disabled" }, { requests: 0, tokens: 0, cost: "0" }),
  key(5, "new account with a rather long name that has to go somewhere", "openrouter", { state: "ready" }, { requests: 77, tokens: 120_000, cost: "0.412000000" }),
];

const usual = {
  from: new Date().toISOString().slice(0, 10) + "T00:00:00Z",
  to: new Date().toISOString(),
  requests: 27_404,
  errors: 31,
  input_tokens: 58_000_000,
  output_tokens: 3_832_924,
  total_tokens: 61_832_924,
  cost: "311.935140000",
  unpriced_requests: 12,
  keys: { total: 5, ready: 2, cooling: 1, out_of_credit: 1, disabled: 1 },
};

const empty = { ...usual, requests: 0, errors: 0, input_tokens: 0, output_tokens: 0, total_tokens: 0, cost: "0.000000000", unpriced_requests: 0 };
empty.keys = { total: 0, ready: 0, cooling: 0, out_of_credit: 0, disabled: 0 };

/** @type {Record<string, (signedIn: boolean) => [number, object]>} */
const paths = {
  "/health": () => [200, { status: "ok", version: "0.1.0" }],
  "/ready": () => [situation === "not-ready" ? 503 : 200, {}],
  "/api/statistics/overview": (signedIn) => [signedIn ? 200 : 401, situation === "empty" ? empty : usual],
  "/api/keys": (signedIn) => [
    situation === "broken" ? 500 : signedIn ? 200 : 401,
    { items: situation === "empty" ? [] : usualKeys, next_cursor: null },
  ],
};

createServer((request, response) => {
  const { authorization } = request.headers;
  const signedIn = authorization?.startsWith("Bearer ") === true && authorization !== "Bearer wrong";
  const [status, body] = paths[request.url ?? ""]?.(signedIn) ?? [404, {}];
  response.writeHead(status, { "content-type": "application/json" });
  response.end(JSON.stringify(body));
}).listen(8000, "127.0.0.1");
