import { expect, test } from "vitest";
import { byTrouble, fitnessMood, moodOf, needsAttention, wordOf } from "./fitness";
import type { KeyState } from "./types";

const key = (name: string, state: KeyState, enabled = true) => ({ name, enabled, status: { state } });

test("what needs a person comes first, and equals keep their order", () => {
  const keys = [key("a", "disabled", false), key("b", "ready"), key("c", "cooling"), key("d", "ready"), key("e", "out_of_credit"), key("f", "disabled")];
  expect(byTrouble(keys).map(({ name }) => name)).toEqual(["f", "e", "c", "b", "d", "a"]);
});

test("a key that was stopped by a person is paused, one that the upstream refuses is rejected", () => {
  expect(wordOf(key("a", "disabled", false))).toBe("paused");
  expect(wordOf(key("a", "disabled"))).toBe("rejected");
  expect(needsAttention(key("a", "disabled", false))).toBe(false);
  expect(needsAttention(key("a", "disabled"))).toBe(true);
});

test("a state of a newer server stands where it is seen", () => {
  const strange = key("b", "exploding" as KeyState);
  expect(byTrouble([key("a", "ready"), strange])[0]).toBe(strange);
  expect(moodOf(strange)).toBe("warn");
});

test.each([
  [{ total: 0, ready: 0, cooling: 0, out_of_credit: 0, out_of_budget: 0, disabled: 0 }, "idle"],
  [{ total: 3, ready: 3, cooling: 0, out_of_credit: 0, out_of_budget: 0, disabled: 0 }, "good"],
  [{ total: 3, ready: 2, cooling: 0, out_of_credit: 0, out_of_budget: 0, disabled: 1 }, "good"],
  [{ total: 3, ready: 2, cooling: 1, out_of_credit: 0, out_of_budget: 0, disabled: 0 }, "warn"],
  [{ total: 3, ready: 0, cooling: 3, out_of_credit: 0, out_of_budget: 0, disabled: 0 }, "bad"],
] as const)("a pool of %j looks %s", (counts, mood) => {
  expect(fitnessMood(counts)).toBe(mood);
});
