import { expect, test } from "vitest";
import { filled, hourMood, trouble } from "./hours";

const hour = (at: number, requests: number, errors: number) => ({ time: `2026-11-28T0${at}:00:00.000Z`, requests, errors });

test("hours without calls stand between those with some", () => {
  const hours = filled([hour(3, 5, 1)], "2026-11-28T01:00:00Z", "2026-11-28T05:00:00Z");
  expect(hours.map(({ requests }) => requests)).toEqual([0, 0, 5, 0]);
  expect(hours[0]?.time).toBe("2026-11-28T01:00:00.000Z");
});

test.each([
  [0, 0, "idle"],
  [9, 0, "good"],
  [9, 4, "warn"],
  [8, 4, "bad"],
] as const)("of %i calls %i failed: %s", (requests, errors, mood) => {
  expect(hourMood(hour(1, requests, errors))).toBe(mood);
});

test("a key that was asked nothing is in no trouble and in no order", () => {
  expect(trouble([])).toBeNull();
  expect(trouble([hour(1, 3, 1), hour(2, 1, 1)])).toBe(0.5);
});
