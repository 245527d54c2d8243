import { expect, test } from "vitest";
import { perSlot } from "./slots";

test("each moment falls into its piece, and what is outside into none", () => {
  expect(perSlot([0, 99, 100, 250, 299, 300, -1], 300, 300, 3)).toEqual([2, 1, 2]);
});
