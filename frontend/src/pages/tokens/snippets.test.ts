import { expect, test } from "vitest";
import { snippets } from "./snippets";

const made = snippets("http://10.0.0.7:8000", "amp-123", "gpt-5-mini");

test("each client is told where the reader's server is, and the token", () => {
  for (const { id, code } of made) {
    expect(code, id).toContain("http://10.0.0.7:8000");
    expect(code, id).toContain("amp-123");
  }
});

test("a name of a model can not break out of its quotes", () => {
  const evil = `x'; rm -rf "$HOME" '`;
  const [curl, openai] = snippets("http://h", "t", evil);
  expect(curl?.code).toContain(`x'\\''; rm -rf`);
  expect(openai?.code).toContain(JSON.stringify(evil));
});
