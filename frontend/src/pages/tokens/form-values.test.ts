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

test("what the form does not show of a budget stays", () => {
  const budget = { limit: "1", window: "day", zone: "Asia/Shanghai", max_output: 9, spent: "0.5", resets_at: null } as const;
  const before = { ...blank, budget: "1", window: "day" };
  expect(changed(before, { ...before, budget: "2" }, { budget } as never)).toEqual({
    budget: { limit: "2", window: "day", zone: "Asia/Shanghai", max_output: 9, hard: false },
  });
});
