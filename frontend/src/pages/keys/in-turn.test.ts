import { expect, test } from "vitest";
import { inTurn } from "./in-turn";

test("no more than some at once, all of them once, and failures stop nobody", async () => {
  let running = 0;
  let most = 0;
  const seen: number[] = [];
  const progress: number[] = [];
  const failures = await inTurn(
    [1, 2, 3, 4, 5],
    2,
    async (item) => {
      running += 1;
      most = Math.max(most, running);
      await Promise.resolve();
      seen.push(item);
      running -= 1;
      if (item === 3) throw new Error("three");
    },
    (done) => progress.push(done),
  );
  expect(most).toBe(2);
  expect(seen.toSorted()).toEqual([1, 2, 3, 4, 5]);
  expect(progress).toEqual([1, 2, 3, 4, 5]);
  expect(failures.map(({ item }) => item)).toEqual([3]);
});
