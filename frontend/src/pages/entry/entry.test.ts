import { expect, test } from "vitest";
import { codeOf, objection } from "./password";

const words = { missing: "missing", short: "short", different: "different" };

test.each([
  ["", "long enough for all", "long enough for all", "missing"],
  ["ana", "", "", "missing"],
  ["ana", "short", "short", "short"],
  ["ana", "long enough for all", "long enough for some", "different"],
  ["ana", "long enough for all", "long enough for all", undefined],
  ["ana", "十二个汉字的密码也足够长", "十二个汉字的密码也足够长", undefined],
])("name %j with %j and %j: %s", (username, password, repeated, expected) => {
  expect(objection({ username, password, repeated }, words)).toBe(expected);
});

test("the code is what stands behind the hash of the printed link", () => {
  expect(codeOf("#abc-_123")).toBe("abc-_123");
  expect(codeOf("")).toBe("");
});
