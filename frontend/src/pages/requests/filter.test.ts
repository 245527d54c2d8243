import { expect, test } from "vitest";
import type { Call } from "../../services/types";
import { fits, leftOut, merged, questionOf, says, withLeftOut } from "./filter";

const call = (id: number, more: Partial<Call> = {}): Call =>
  ({ id, call_id: `c-${id}`, create_time: "2026-11-28T12:00:00Z", key_id: 1, token_id: 2, model: "m", status: "success", error_type: null, ...more }) as Call;

test("within a minute the question stays the same", () => {
  const at = Date.parse("2026-11-28T12:00:10Z");
  expect(questionOf({}, at)).toEqual(questionOf({}, at + 30_000));
  expect(questionOf({}, at)).toMatchObject({ from: "2026-11-27T12:00:00.000Z", model: undefined });
});

test("a row that comes by itself has to fit the filters", () => {
  expect(fits(call(1), { key_id: 1, model: "m", status: "success" })).toBe(true);
  expect(fits(call(1), { key_id: 3 })).toBe(false);
  expect(fits(call(1), { to: "2026-11-28T11:00:00Z" })).toBe(false);
});

test("a running call that ends is replaced, and new ones stand first", () => {
  const older = [call(3, { status: "open" }), call(1)];
  const rows = merged([call(3), call(4)], older);
  expect(rows.map(({ id, status }) => [id, status])).toEqual([[4, "success"], [3, "success"], [1, "success"]]);
});

test("the search looks at names too", () => {
  expect(says(call(1), "TEAM", () => "team A")).toBe(true);
  expect(says(call(1), "nobody", () => "team A")).toBe(false);
});

test("words are the server's to find, unless they are in the name of a key", () => {
  expect(questionOf({ q: " timeout " }, 0, ["team A"])).toMatchObject({ text: "timeout" });
  expect(questionOf({ q: "TEAM" }, 0, ["team A"])).toMatchObject({ text: undefined });
  expect(questionOf({}, 0, ["team A"])).toMatchObject({ text: undefined });
});

test("what is left out is asked for so, and does not come by itself", () => {
  const once = { ...withLeftOut({ model: "m" }, "model", "m", true) };
  expect(once).toEqual({ not_model: "m", model: undefined });
  const twice = { ...once, ...withLeftOut(once, "model", "n", true) };
  expect(questionOf(twice, 0)).toMatchObject({ not_model: "m,n", model: undefined });
  expect(fits(call(1), twice)).toBe(false);
  expect(fits(call(1, { model: "o" }), { not_model: "m,n", not_key_id: "2" })).toBe(true);
  expect(leftOut({ ...twice, ...withLeftOut(twice, "model", "m", false) }, "model")).toEqual(["n"]);
  expect(withLeftOut({ not_model: "m" }, "model", "m", false)).toEqual({ not_model: undefined });
});
