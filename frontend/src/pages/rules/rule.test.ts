import { expect, test } from "vitest";
import { blank, bodyOf, valuesOf, type Rule } from "./rule";

const rule: Rule = {
  id: 1, name: "busy", provider: null, enabled: true, position: 3, status: [429, 503], code: ["busy"], text: ["come back, later"], verdict: "overloaded",
  wait_seconds: 30, fixed_wait: false,
};

test("a rule goes into the form and comes back the same", () => {
  const { id: _, ...same } = rule;
  expect(bodyOf(valuesOf(rule))).toEqual(same);
});

test("an empty field is any, and what is no number is left to the server", () => {
  expect(bodyOf({ ...blank, name: "x", status: "4xx" })).toMatchObject({ status: ["4xx"], code: [], text: [], wait_seconds: null });
});
