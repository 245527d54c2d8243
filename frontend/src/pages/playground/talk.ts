// A conversation in any of the three formats: what is sent, and what text an event brings. Pure.

export type Format = "chat" | "messages" | "responses";

export interface Said {
  role: "user" | "assistant";
  text: string;
}

export const PATHS: Record<Format, string> = { chat: "/v1/chat/completions", messages: "/v1/messages", responses: "/v1/responses" };

const MOST_TOKENS = 2_048;

/** The body of a streamed call. */
export function bodyOf(format: Format, model: string, system: string, said: readonly Said[]): Record<string, unknown> {
  const messages = said.map(({ role, text }) => ({ role, content: text }));
  switch (format) {
    case "chat":
      return { model, stream: true, messages: [...(system ? [{ role: "system", content: system }] : []), ...messages] };
    case "messages":
      return { model, stream: true, max_tokens: MOST_TOKENS, ...(system && { system }), messages };
    case "responses":
      return { model, stream: true, ...(system && { instructions: system }), input: messages };
  }
}

interface Piece {
  text?: string;
  error?: string;
}

interface Chunk {
  type?: string;
  choices?: { delta?: { content?: string | null } }[];
  delta?: string | { text?: string };
  error?: { message?: string } | string;
  response?: { error?: { message?: string } };
}

const said = (error: Chunk["error"]) => (typeof error === "string" ? error : error?.message);

/** What one event of an answer adds. */
export function pieceOf(format: Format, data: string): Piece {
  if (data === "[DONE]") return {};
  let chunk: Chunk;
  try {
    chunk = JSON.parse(data) as Chunk;
  } catch {
    return {};
  }
  const error = said(chunk.error) ?? said(chunk.response?.error);
  if (error) return { error };
  if (format === "chat") return { text: chunk.choices?.[0]?.delta?.content ?? "" };
  if (format === "messages") return { text: typeof chunk.delta === "object" ? (chunk.delta.text ?? "") : "" };
  return { text: chunk.type === "response.output_text.delta" && typeof chunk.delta === "string" ? chunk.delta : "" };
}
