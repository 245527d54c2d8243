import { expect, test } from "vitest";
import { cells, masked, parseKeys } from "./parse";

const PROVIDERS = new Set(["openai", "anthropic", "openrouter", "groq", "custom"]);
const A = "sk-proj-aaaa1111bbbb2222";
const B = "sk-ant-api03-cccc3333dddd";
const C = "0123456789abcdef0123456789abcdef";

const parsed = (text: string) =>
  parseKeys(text, PROVIDERS, "openai").map(({ line: _, verdict: _verdict, guessed: _guessed, ...found }) => found);
const verdicts = (text: string) => parseKeys(text, PROVIDERS, "openai").map(({ verdict }) => verdict);

test.each([
  ["a key a line", `${A}\n\n# a note\n${B}`, [{ api_key: A, provider: "openai" }, { api_key: B, provider: "anthropic" }]],
  ["keys in a row", `${A}, ${C}`, [{ api_key: A, provider: "openai" }, { api_key: C, provider: "openai" }]],
  ["columns in any order", `team A ${A} socks5://10.0.0.1:1080`, [{ name: "team A", api_key: A, provider: "openai", proxy_ip: "socks5://10.0.0.1:1080" }]],
  ["a named provider", `groq\t${C}\tspare`, [{ name: "spare", api_key: C, provider: "groq" }]],
  ["a proxy with a password", `${C} http://u:p@10.0.0.1:3128`, [{ api_key: C, provider: "openai", proxy_ip: "http://u:p@10.0.0.1:3128" }]],
  ["an address of its own", `custom ${C} https://relay.example/v1`, [{ api_key: C, provider: "custom", base_url: "https://relay.example/v1" }]],
  ["CSV with heads", `name,key,provider\n"team, B",${C},groq\n`, [{ name: "team, B", api_key: C, provider: "groq" }]],
  ["JSON of texts", JSON.stringify([A, B]), [{ api_key: A, provider: "openai" }, { api_key: B, provider: "anthropic" }]],
  ["JSON of objects", JSON.stringify({ keys: [{ name: "x", api_key: C, tags: ["eu"] }] }), [{ name: "x", api_key: C, provider: "openai", tags: ["eu"] }]],
])("%s", (_, text, expected) => {
  expect(parsed(text)).toEqual(expected);
});

test("each line has a verdict of its own, and its own number", () => {
  const text = `${A}\n${A}\nshort\nonly a name here\nname,words`;
  expect(verdicts(text)).toEqual(["new", "twice", "short", "noKey", "noKey"]);
  expect(parseKeys(text, PROVIDERS, "openai").map(({ line }) => line)).toEqual([1, 2, 3, 4, 5]);
});

test("a provider that nobody knows is told", () => {
  expect(parseKeys(JSON.stringify([{ key: C, provider: "acme" }]), PROVIDERS, "openai")[0]?.verdict).toBe("noProvider");
});

test("quotes keep commas and quotes in a cell", () => {
  expect(cells('a,"b, ""c""",d', ",")).toEqual(["a", 'b, "c"', "d"]);
});

test("five hundred keys are five hundred lines", () => {
  const many = Array.from({ length: 500 }, (_, n) => `sk-proj-${String(n).padStart(20, "0")}`).join("\n");
  expect(parseKeys(many, PROVIDERS, "openai").filter(({ verdict }) => verdict === "new")).toHaveLength(500);
});

test("nothing of a short key is shown", () => {
  expect(masked("tiny")).toBe("…");
  expect(masked(A)).toBe("sk-…2222");
});
