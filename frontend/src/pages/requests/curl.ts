// A call as a command for a shell. Pure.

import type { Call } from "../../services/types";

const PATHS: Record<string, string> = { chat: "/v1/chat/completions", messages: "/v1/messages", responses: "/v1/responses" };

const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The shape of the call with an empty place for what was said: bodies are not kept. */
export function curlOf(call: Call, origin: string): string {
  const path = call.endpoint?.startsWith("/") ? call.endpoint : (PATHS[call.format] ?? "/v1/chat/completions");
  const stream = call.stream && { stream: true };
  const said = call.format === "responses" ? { input: "…" } : { messages: [{ role: "user", content: "…" }] };
  const most = call.format === "messages" && { max_tokens: 1024 };
  const body = JSON.stringify({ model: call.model, ...most, ...stream, ...said });
  return `curl ${origin}${path} \\
  -H "authorization: Bearer $AMP_POOL_TOKEN" \\
  -H 'content-type: application/json' \\
  -d ${quoted(body)}`;
}
