import { expect, test } from "vitest";
import { blank, bodyOf, changed, listOf } from "./form-values";

test("an empty field is null and not zero", () => {
  expect(bodyOf({ ...blank, name: " a ", rpm: "", tpm: "100" })).toMatchObject({
    name: "a",
    limits: { rpm: null, tpm: 100, concurrency: null },
    total_balance: null,
    base_url: null,
  });
});

test("a credential that was not typed is not sent", () => {
  expect(bodyOf(blank)).not.toHaveProperty("api_key");
  expect(bodyOf({ ...blank, api_key: " sk-1 " })).toMatchObject({ api_key: "sk-1" });
});

test("what is no number goes as it is, for the server to name", () => {
  expect(bodyOf({ ...blank, priority: "high" })).toMatchObject({ priority: "high" });
});

test("only what was changed is sent", () => {
  expect(changed(blank, { ...blank, tags: "a, b", memo: "" })).toEqual({ tags: ["a", "b"] });
  expect(changed(blank, blank)).toEqual({});
});

test("lists take commas of either script and lines", () => {
  expect(listOf("a, b，c\n\nd")).toEqual(["a", "b", "c", "d"]);
});
