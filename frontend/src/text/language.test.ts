import { expect, test } from "vitest";
import { preferred } from "./index";

test.each([
  ["zh", ["en-GB"], "zh"],
  [null, ["zh-TW", "en"], "zh"],
  [null, ["fr-FR", "zh-CN"], "zh"],
  [null, ["fr-FR"], "en"],
  [null, [], "en"],
  ["klingon", ["zh"], "zh"],
  ["toString", ["fr"], "en"],
])("chosen %j and browser %j gives %s", (stored, browser, expected) => {
  expect(preferred(stored, browser)).toBe(expected);
});
