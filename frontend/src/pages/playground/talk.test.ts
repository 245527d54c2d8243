import { expect, test } from "vitest";
import { bodyOf, pieceOf } from "./talk";

const said = [{ role: "user", text: "hi" }] as const;

test("each format gets the shape it wants", () => {
  expect(bodyOf("chat", "m", "be brief", said)).toMatchObject({ messages: [{ role: "system", content: "be brief" }, { role: "user", content: "hi" }] });
  expect(bodyOf("messages", "m", "be brief", said)).toMatchObject({ system: "be brief", max_tokens: 2048 });
  expect(bodyOf("responses", "m", "", said)).toEqual({ model: "m", stream: true, input: [{ role: "user", content: "hi" }] });
});

test.each([
  ["chat", '{"choices":[{"delta":{"content":"a"}}]}', { text: "a" }],
  ["chat", '{"choices":[],"usage":{}}', { text: "" }],
  ["chat", "[DONE]", {}],
  ["messages", '{"type":"content_block_delta","delta":{"type":"text_delta","text":"b"}}', { text: "b" }],
  ["messages", '{"type":"message_delta","delta":{"stop_reason":"end_turn"}}', { text: "" }],
  ["messages", '{"type":"error","error":{"message":"no"}}', { error: "no" }],
  ["responses", '{"type":"response.output_text.delta","delta":"c"}', { text: "c" }],
  ["responses", '{"type":"response.function_call_arguments.delta","delta":"{}"}', { text: "" }],
  ["responses", '{"type":"response.failed","response":{"error":{"message":"late"}}}', { error: "late" }],
  ["chat", "{broken", {}],
] as const)("%s: %s", (format, data, expected) => {
  expect(pieceOf(format, data)).toEqual(expected);
});
