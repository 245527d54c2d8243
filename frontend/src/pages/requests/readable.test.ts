import { expect, test } from "vitest";
import { readable } from "./readable";

test("JSON gets line ends, and anything else stays", () => {
  expect(readable('{"a":[1]}')).toBe('{\n  "a": [\n    1\n  ]\n}');
  expect(readable('{"a":[1')).toBe('{"a":[1');
  expect(readable("data: x\n\n")).toBe("data: x\n\n");
});
