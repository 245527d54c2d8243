import { expect, test } from "vitest";
import { readViews, sameView, withoutView, withView } from "./saved";

test("a saved view shows the same filters and no open call", () => {
  const views = withView([], "errors", { status: "error", span: "7d", open: "c-1" });
  expect(views).toEqual([{ name: "errors", search: { status: "error", span: "7d" } }]);
  expect(sameView(views, { span: "7d", status: "error", open: "c-2" })?.name).toBe("errors");
  expect(sameView(views, { status: "error" })).toBeUndefined();
});

test("a name is there once, and can be forgotten", () => {
  const views = withView(withView([], "mine", { q: "a" }), "mine", { q: "b" });
  expect(views).toEqual([{ name: "mine", search: { q: "b" } }]);
  expect(withoutView(views, "mine")).toEqual([]);
});

test("what makes no sense is left out", () => {
  expect(readViews("nonsense")).toEqual([]);
  expect(readViews('{"name":"x"}')).toEqual([]);
  expect(readViews('[null, {"name":"x","search":{"status":"odd","key_id":"7"}}]')).toEqual([{ name: "x", search: { key_id: 7 } }]);
});
