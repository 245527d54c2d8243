import { expect, test } from "vitest";
import { isToken } from "./token";

test.each([
  ["amp-admin-0123456789abcdef0123456789abcdef", true],
  ["", false],
  ["two words", false],
  ["line\nbreak", false],
  ["sk-…abcd", false],
])("whether %j can be a token: %s", (text, expected) => {
  expect(isToken(text)).toBe(expected);
});
