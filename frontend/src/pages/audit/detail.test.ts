import { expect, test } from "vitest";
import { told } from "./detail";

test.each([
  [{ fields: ["api_key", "name"], name: "a", tags: ["x"] }, 'name: a, tags: ["x"], api_key'],
  [null, ""],
  ["text", "text"],
  [{ enabled: false }, "enabled: false"],
])("%j is told as %s", (detail, expected) => {
  expect(told(detail)).toBe(expected);
});
