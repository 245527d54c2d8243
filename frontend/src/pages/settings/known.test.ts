import { expect, test } from "vitest";
import { KNOWN, settingsNow } from "./known";

test("known settings are there before anybody sets them, and others after", () => {
  const now = settingsNow([{ key: "zz", value: "1" }, { key: "retention", value: '{"days":9}' }]);
  expect(now.slice(0, 1)).toEqual([{ key: "retention", value: '{"days":9}', usual: null }]);
  expect(now.at(-1)).toEqual({ key: "zz", value: "1", usual: null });
  expect(now).toHaveLength(Object.keys(KNOWN).length + 1);
});
