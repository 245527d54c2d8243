import { expect, test } from "vitest";
import { blank, bodyOf, changed, localTime } from "./form-values";

test("a moment goes into the field and comes back the same", () => {
  const at = "2026-12-01T10:30:00.000Z";
  expect(bodyOf({ ...blank, expires: localTime(at) })).toMatchObject({ expires_at: at });
  expect(localTime(null)).toBe("");
});

test("a budget is a limit and its window, or nothing", () => {
  expect(bodyOf({ ...blank, budget: "$5.00", window: "day" })).toMatchObject({ budget: { limit: "5.00", window: "day" } });
  expect(bodyOf({ ...blank, budget: " " })).toMatchObject({ budget: null });
});

test("a window without a budget is no change", () => {
  expect(changed(blank, { ...blank, window: "day" })).toEqual({});
  expect(changed(blank, { ...blank, name: "ci" })).toEqual({ name: "ci" });
});
