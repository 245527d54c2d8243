// An upstream on loopback that answers as its credential says, in the formats of Chat Completions and Messages.
//
// The credential is `sk-MOOD-anything`: `good` answers, `slow` answers late, `limited` refuses for a while, `broke` has no
// money, `dead` is unknown, `flaky` fails every third time. Prompts that hold `<script>` come back as they are. It also tells
// who asks where they come from (`/v1/ip`), and hears alerts (`/v1/hook`).

import { createServer } from "node:http";

const MOODS = ["good", "slow", "limited", "broke", "dead", "flaky"];

/** @typedef {import("node:http").IncomingMessage} Request */
/** @typedef {import("node:http").ServerResponse} Response */

/** @param {Request} request */
const credentialOf = ({ headers }) =>
  String(headers["x-api-key"] ?? headers.authorization ?? "").replace(/^Bearer /i, "");

/** @param {Response} response @param {number} status @param {object} body @param {Record<string, string>} [headers] */
function json(response, status, body, headers = {}) {
  response.writeHead(status, { "content-type": "application/json", ...headers });
  response.end(JSON.stringify(body));
}

const complaint = (/** @type {string} */ type, /** @type {string} */ message) => ({ error: { type, code: type, message } });

/** @type {Record<string, (response: Response) => void>} */
const REFUSALS = {
  limited: (response) =>
    json(response, 429, complaint("rate_limit_exceeded", "Rate limit reached for requests per minute. <b>Slow</b> down."), { "retry-after": "90" }),
  broke: (response) => json(response, 429, complaint("insufficient_quota", "You exceeded your current quota, please check your plan.")),
  dead: (response) => json(response, 401, complaint("invalid_api_key", "Incorrect API key provided.")),
  flaky: (response) => json(response, 500, complaint("server_error", "The server had an error while processing your request.")),
};

/** @param {any} asked */
function textOf(asked) {
  const last = asked.messages?.at(-1)?.content ?? asked.input ?? "";
  const said = typeof last === "string" ? last : JSON.stringify(last);
  return `You said: ${said}`;
}

/** @param {any} asked */
const usageOf = (asked) => {
  const input = 20 + JSON.stringify(asked.messages ?? asked.input ?? "").length;
  return { input, cached: input > 400 ? Math.floor(input / 2) : 0, output: 12 + (input % 40) };
};

/** @param {any} asked */
function chat(asked) {
  const { input, cached, output } = usageOf(asked);
  const usage = {
    prompt_tokens: input, completion_tokens: output, total_tokens: input + output,
    prompt_tokens_details: { cached_tokens: cached },
  };
  const base = { id: "chatcmpl-1", created: 1, model: asked.model };
  const whole = {
    ...base, object: "chat.completion", usage,
    choices: [{ index: 0, message: { role: "assistant", content: textOf(asked) }, finish_reason: "stop" }],
  };
  const chunk = (/** @type {object[]} */ choices, more = {}) => ({ ...base, object: "chat.completion.chunk", choices, ...more });
  const words = textOf(asked).match(/\S+\s*/g) ?? [];
  const events = [
    ...words.map((word) => chunk([{ index: 0, delta: { content: word }, finish_reason: null }])),
    chunk([{ index: 0, delta: {}, finish_reason: "stop" }]),
    chunk([], { usage }),
  ];
  return { whole, events: [...events.map((event) => `data: ${JSON.stringify(event)}\n\n`), "data: [DONE]\n\n"] };
}

/** @param {any} asked */
function messages(asked) {
  const { input, cached, output } = usageOf(asked);
  const usage = { input_tokens: input - cached, cache_read_input_tokens: cached, cache_creation_input_tokens: 0, output_tokens: output };
  const message = { id: "msg_1", type: "message", role: "assistant", model: asked.model, stop_sequence: null };
  const whole = { ...message, content: [{ type: "text", text: textOf(asked) }], stop_reason: "end_turn", usage };
  const words = textOf(asked).match(/\S+\s*/g) ?? [];
  /** @type {[string, object][]} */
  const events = [
    ["message_start", { message: { ...message, content: [], stop_reason: null, usage: { ...usage, output_tokens: 1 } } }],
    ["content_block_start", { index: 0, content_block: { type: "text", text: "" } }],
    ...words.map((text) => /** @type {[string, object]} */ (["content_block_delta", { index: 0, delta: { type: "text_delta", text } }])),
    ["content_block_stop", { index: 0 }],
    ["message_delta", { delta: { stop_reason: "end_turn", stop_sequence: null }, usage: { output_tokens: output } }],
    ["message_stop", {}],
  ];
  return { whole, events: events.map(([type, data]) => `event: ${type}\ndata: ${JSON.stringify({ type, ...data })}\n\n`) };
}

/** @param {Request} request */
async function bodyOf(request) {
  let text = "";
  for await (const piece of request) text += piece;
  return text ? JSON.parse(text) : {};
}

const pause = (/** @type {number} */ ms) => new Promise((done) => setTimeout(done, ms));

/** @param {Request} request @param {Response} response @param {unknown[]} told */
async function answer(request, response, told, served = 0) {
  if (request.url === "/v1/ip") return json(response, 200, { ip: "203.0.113.7" });
  const asked = await bodyOf(request);
  if (request.url === "/v1/hook") {
    told.push(asked);
    return json(response, 200, {});
  }
  if (request.method === "POST" && !/\/(chat\/completions|messages)$/.test(request.url ?? "")) return json(response, 404, complaint("not_found", "No such path."));
  const credential = credentialOf(request);
  const mood = MOODS.find((mood) => credential.startsWith(`sk-${mood}`)) ?? "dead";
  const refuses = mood === "flaky" ? served % 3 === 0 : mood in REFUSALS;
  if (refuses) return REFUSALS[mood]?.(response);
  if (request.method === "GET") return json(response, 200, { object: "list", data: [{ id: "gpt-5-mini", object: "model" }] });
  if (mood === "slow") await pause(600);
  const { whole, events } = request.url?.endsWith("/messages") ? messages(asked) : chat(asked);
  if (!asked.stream) return json(response, 200, whole);
  response.writeHead(200, { "content-type": "text/event-stream" });
  for (const event of events) {
    response.write(event);
    await pause(8);
  }
  response.end();
}

/** Starts one on a free port, and says where. */
export async function startUpstream() {
  let served = 0;
  /** @type {any[]} */
  const told = [];
  const server = createServer((request, response) => void answer(request, response, told, (served += 1)));
  await new Promise((done) => server.listen(0, "127.0.0.1", () => done(undefined)));
  const address = server.address();
  if (!address || typeof address === "string") throw new Error("the upstream has no port");
  return { url: `http://127.0.0.1:${address.port}/v1`, told: () => told, close: () => server.close() };
}
