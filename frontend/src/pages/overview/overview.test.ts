import { expect, test } from "vitest";
import type { Key, KeyState } from "../../services/types";
import { byTrouble } from "./by-trouble";
import { curlFor } from "./curl";
import { fitnessMood } from "./fitness";

const key = (name: string, state: KeyState): Key => ({
  id: 1,
  name,
  provider: "openai",
  api_key_hint: "sk-…abcd",
  status: { state, until: null, reason: null },
  today: { requests: 0, tokens: 0, cost: "0" },
});

test("what needs a person comes first, and equals keep their order", () => {
  const keys = [key("a", "disabled"), key("b", "ready"), key("c", "cooling"), key("d", "ready"), key("e", "out_of_credit")];
  expect(byTrouble(keys).map(({ name }) => name)).toEqual(["e", "c", "b", "d", "a"]);
});

test("a state of a newer server stands where it is seen", () => {
  const keys = [key("a", "ready"), key("b", "exploding" as KeyState)];
  expect(byTrouble(keys).map(({ name }) => name)).toEqual(["b", "a"]);
});

test.each([
  [{ total: 0, ready: 0, cooling: 0, out_of_credit: 0, disabled: 0 }, "idle"],
  [{ total: 3, ready: 3, cooling: 0, out_of_credit: 0, disabled: 0 }, "good"],
  [{ total: 3, ready: 2, cooling: 0, out_of_credit: 0, disabled: 1 }, "good"],
  [{ total: 3, ready: 2, cooling: 1, out_of_credit: 0, disabled: 0 }, "warn"],
  [{ total: 3, ready: 2, cooling: 0, out_of_credit: 1, disabled: 0 }, "warn"],
  [{ total: 3, ready: 0, cooling: 3, out_of_credit: 0, disabled: 0 }, "bad"],
] as const)("a pool of %j looks %s", (counts, mood) => {
  expect(fitnessMood(counts)).toBe(mood);
});

test("the command names the server the reader sees and never a token", () => {
  const command = curlFor("http://10.0.0.7:8000");
  expect(command).toContain("http://10.0.0.7:8000/api/keys");
  expect(command).toContain('"authorization: Bearer $AMP_POOL_ADMIN_TOKEN"');
});
