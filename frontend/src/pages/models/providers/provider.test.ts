import { expect, test } from "vitest";
import { blankProvider, type Definition, headersOf, providerBody, providerValues } from "./provider";

const known: Definition = {
  id: "relay", name: "Relay", base_url: "https://relay.example.com", auth: "x-api-key", models: ["claude-*", "gpt-*"],
  formats: { messages: { root: "/v1", headers: { "anthropic-version": "2023-06-01" } } }, headers: { "x-team": "a" },
};

test("what the form does not show of a format stays", () => {
  const { id: _, ...rest } = known;
  expect(providerBody(providerValues(known), known)).toEqual({ ...rest, credential_optional: false });
  const more = providerBody({ ...providerValues(known), roots: { messages: "/api", chat: "/v1" } }, known);
  expect(more["formats"]).toEqual({ messages: { root: "/api", headers: { "anthropic-version": "2023-06-01" } }, chat: { root: "/v1" } });
});

test("a new one speaks Chat unless told otherwise, and an empty address is every key's own", () => {
  expect(providerBody({ ...blankProvider, id: " mine ", name: "Mine" })).toMatchObject({ id: "mine", base_url: null, formats: { chat: { root: "/v1" } } });
});

test("headers are read line by line", () => {
  expect(headersOf("X-Team: a: b\n\n odd ")).toEqual({ "x-team": "a: b", odd: "" });
});
