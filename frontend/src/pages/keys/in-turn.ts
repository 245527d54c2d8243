// The same deed for many, some at a time.

export interface Failure<Item> {
  item: Item;
  error: unknown;
}

/**
 * Runs `deed` for each of `items`, at most `width` at once, and gives those that failed. `onProgress` hears how many are
 * done; `holds` may keep the next one waiting.
 */
export async function inTurn<Item>(
  items: readonly Item[],
  width: number,
  deed: (item: Item) => Promise<unknown>,
  onProgress: (done: number) => void = () => {},
  holds: () => Promise<void> = async () => {},
): Promise<Failure<Item>[]> {
  const failures: Failure<Item>[] = [];
  const left = [...items];
  let done = 0;

  async function work() {
    for (;;) {
      await holds();
      const item = left.shift();
      if (item === undefined) return;
      await deed(item).catch((error: unknown) => failures.push({ item, error }));
      done += 1;
      onProgress(done);
    }
  }

  await Promise.all(Array.from({ length: Math.min(width, items.length) }, work));
  return failures;
}
