import { expect, test } from "vitest";
import { csv } from "./download";

test("cells are quoted where they have to be, and formulas are disarmed", () => {
  expect(csv([["a,b", 'say "x"', null, 1, -2, "=1+1", "@x"]])).toBe('"a,b","say ""x""",,1,-2,\'=1+1,\'@x\r\n');
});
