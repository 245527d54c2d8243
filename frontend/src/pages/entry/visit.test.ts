import { expect, test } from "vitest";
import { outcomeOf, pageOf, visitFrom } from "./visit";

test.each([
  ["", undefined],
  ["?sign_in=refused", "refused"],
  ["?q=a&sign_in=busy", "busy"],
  ["?sign_in=<b>", undefined],
  ["?sign_in=", undefined],
])("%j says %j", (search, expected) => {
  expect(outcomeOf(search)).toBe(expected);
});

test("the page that was wanted is the one to come back to, without what was said of the last try", () => {
  expect(pageOf({ pathname: "/keys", search: "?q=a b&sign_in=failed" })).toBe("/keys?q=a+b");
  expect(pageOf({ pathname: "/", search: "?sign_in=failed" })).toBe("/");
  expect(visitFrom("/keys?q=a+b")).toBe("/api/auth/oidc/login?next=%2Fkeys%3Fq%3Da%2Bb");
});
