import { expect, test } from "vitest";
import { type AlertRule, blankRule, bodyOf, usualRules, valuesOf } from "./rule";

const rule: AlertRule = {
  id: 1, create_time: "", update_time: "", name: "spend", kind: "budget_used", enabled: true, severity: "critical", threshold: "90", clear_at: null,
  for_seconds: 120, clear_seconds: null, repeat_seconds: null, quiet_hours: { from: "23:00", to: "06:30", zone: "Asia/Shanghai" },
  only: ["key:7", "team *"], currency: null, split_by: "pool", window_minutes: null, least_calls: null, channels: [2],
};

test("what is shown of a rule is written back as it was", () => {
  const { id: _, create_time: _made, update_time: _changed, enabled: _on, clear_seconds: _calm, currency: _money, split_by: _split, window_minutes: _window, least_calls: _least, ...same } = rule;
  expect(bodyOf(valuesOf(rule))).toEqual(same);
});

test("what a kind does not have is not sent, and minutes become seconds", () => {
  const body = bodyOf({ ...blankRule("key_down"), name: " keys ", threshold: "5", patience: "1.5", quiet: false });
  expect(body).toMatchObject({ name: "keys", threshold: null, for_seconds: 90, repeat_seconds: 14_400, quiet_hours: null });
  expect(body).not.toHaveProperty("split_by");
  expect(bodyOf({ ...blankRule("error_rate"), window: "10", least: "many" })).toMatchObject({ split_by: "pool", window_minutes: 10, least_calls: "many" });
});

test("the usual rules have the presets of budgets, each with a name of its own", () => {
  const rules = usualRules({ kinds: { budget_used: "Budget" }, percent: (share) => `${share}%` }, [3]);
  const budgets = rules.filter(({ kind }) => kind === "budget_used");
  expect(budgets.map(({ name, threshold }) => [name, threshold])).toEqual([["Budget, 80%", "80"], ["Budget, 90%", "90"], ["Budget, 100%", "100"]]);
  expect(rules.every(({ channels }) => JSON.stringify(channels) === "[3]")).toBe(true);
});
