// A pool with some life in it: keys of every kind, tokens, routes, and calls.

import { admin } from "./house.mjs";

const KEYS = [
  ["team A", "openai", "sk-good-a", { tags: ["prod"], priority: 1, total_balance: "50" }],
  ["team B", "openai", "sk-good-b", { tags: ["prod"], total_balance: "12.4" }],
  ["spare, slow line", "openai", "sk-slow-c", { tags: ["spare"], weight: 1 }],
  ["free tier", "openai", "sk-limited-d", { priority: 2, tags: ["free"] }],
  ["old account", "openai", "sk-broke-e", { priority: 2, tags: ["old"] }],
  ["left the company", "openai", "sk-dead-f", { priority: 2 }],
  ["paused by Ana", "openai", "sk-good-g", { enabled: false, memo: "until the audit is over" }],
  ["claude main", "anthropic", "sk-good-h", { tags: ["prod"] }],
  ["claude second with a rather long name that has to go somewhere", "anthropic", "sk-flaky-i", { tags: ["prod", "eu-west"] }],
];

const MODELS = ["gpt-5-mini", "gpt-5-mini", "gpt-4.1", "claude-sonnet-4-5", "claude-haiku-4-5", "fast"];
const PROMPTS = ["Hello there", "Summarise this in three points: " + "lorem ipsum ".repeat(60), "<script>alert(1)</script>", "写一首诗"];

/** @param {import("./house.mjs").House} house @param {number} calls */
export async function seed(house, calls = 40) {
  const api = admin(house.url);
  for (const [name, provider, api_key, more] of KEYS) {
    await api("POST", "/api/keys", { name, provider, api_key: `${api_key}-0123456789abcdef`, base_url: house.upstream, formats: [provider === "openai" ? "chat" : "messages"], .../** @type {object} */ (more) });
  }
  await api("POST", "/api/routes", {
    model: "fast",
    candidates: [{ model: "gpt-5-mini", provider: "openai", tier: 0, weight: 1 }, { model: "claude-haiku-4-5", tier: 1 }],
    strategy: "weighted",
  });
  const { token } = await api("POST", "/api/tokens", { name: "ci" });
  await api("POST", "/api/tokens", { name: "intern's laptop", expires_at: new Date(Date.now() + 86_400_000).toISOString(), models: ["gpt-*"] });
  for (let n = 0; n < calls; n += 1) await call(house.url, token, n);
  return token;
}

/** @param {string} url @param {string} token @param {number} n */
async function call(url, token, n) {
  const model = MODELS[n % MODELS.length];
  const body = { model, max_tokens: 100, stream: n % 3 === 0, messages: [{ role: "user", content: PROMPTS[n % PROMPTS.length] }] };
  const path = n % 5 === 4 ? "/v1/messages" : "/v1/chat/completions";
  const response = await fetch(url + path, {
    method: "POST",
    headers: { authorization: `Bearer ${token}`, "content-type": "application/json", "anthropic-version": "2023-06-01" },
    body: JSON.stringify(body),
  });
  await response.text();
}
