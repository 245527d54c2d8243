import { expect, test } from "vitest";
import type { Call } from "../../services/types";
import { curlOf } from "./curl";

const call = (more: Partial<Call>) => ({ model: "m", format: "chat", stream: false, endpoint: "chat", ...more }) as Call;

test("the command has the path of its format and never a token", () => {
  expect(curlOf(call({}), "http://h:1")).toContain("curl http://h:1/v1/chat/completions");
  expect(curlOf(call({ format: "messages", endpoint: "messages" }), "http://h:1")).toContain("/v1/messages");
  expect(curlOf(call({ format: "responses", endpoint: "responses" }), "http://h:1")).toContain('"input":"…"');
  expect(curlOf(call({}), "http://h:1")).toContain("Bearer $AMP_POOL_TOKEN");
});

test("a model's name can not leave its quotes", () => {
  expect(curlOf(call({ model: "a'; rm -rf ~ '" }), "http://h")).toContain("a'\\''; rm -rf ~ '\\''");
});
