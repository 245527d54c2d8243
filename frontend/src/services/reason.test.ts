import { expect, test } from "vitest";
import { messageIn, readReason } from "./reason";

test.each([
  [
    'out_of_credit: 429 {"error":{"type":"insufficient_quota","message":"check your plan"}}',
    { verdict: "out_of_credit", status: 429, message: "check your plan" },
  ],
  [
    'for `gpt-4.1` (and 1 more models): rate_limited: 429 {"error":{"message":"slow <b>down</b>"}}',
    { model: "gpt-4.1", verdict: "rate_limited", status: 429, message: "slow <b>down</b>" },
  ],
  ["network: connection refused", { verdict: "network", message: "connection refused" }],
  ["switched off by its operator", { message: "switched off by its operator" }],
  ["bad_credential: 401", { verdict: "bad_credential", status: 401, message: "" }],
  ["", { message: "" }],
])("%j is taken apart", (text, expected) => {
  expect(readReason(text)).toEqual(expected);
});

test("a body that was cut still gives its message when that is whole", () => {
  expect(messageIn('{"error":{"message":"say \\"no\\"","type":"inv')).toBe('say "no"');
  expect(messageIn('{"error":{"mess')).toBe('{"error":{"mess');
  expect(messageIn('{"error":"plain"}')).toBe("plain");
});
