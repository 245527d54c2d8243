import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ApiError } from "./api";
import { answered, failed, poll } from "./poll";

beforeEach(() => void vi.useFakeTimers());
afterEach(() => void vi.useRealTimers());

class FakePage {
  hidden = false;
  private listeners = new Set<() => void>();
  addEventListener = (_: string, listener: () => void) => void this.listeners.add(listener);
  removeEventListener = (_: string, listener: () => void) => void this.listeners.delete(listener);

  show(visible: boolean) {
    this.hidden = !visible;
    for (const listener of this.listeners) listener();
  }
}

/** Polls every 5 s a server that counts its questions and takes `takesMs` for each. */
function polled(takesMs = 0) {
  const page = new FakePage();
  const seen: string[] = [];
  let asked = 0;
  const ask = async () => {
    asked += 1;
    const number = asked;
    if (takesMs) await new Promise((done) => setTimeout(done, takesMs));
    if (number === 2) throw new ApiError("away", "/x");
    return number;
  };
  const end = poll(
    { ask, everyMs: 5_000, onAnswer: (n) => seen.push(`answer ${n}`), onError: (e) => seen.push(e.trouble) },
    page,
  );
  return { page, seen, end, asked: () => asked };
}

const pass = (ms: number) => vi.advanceTimersByTimeAsync(ms);

test("it asks at once and goes on after an error", async () => {
  const { seen } = polled();
  await pass(10_000);
  expect(seen).toEqual(["answer 1", "away", "answer 3"]);
});

test("a slow server is never asked twice at a time", async () => {
  const { asked, page } = polled(60_000);
  await pass(30_000);
  page.show(true);
  await pass(30_000);
  expect(asked()).toBe(1);
});

test("a hidden page asks nothing, one that comes back asks at once", async () => {
  const { asked, page } = polled();
  await pass(0);
  page.show(false);
  await pass(60_000);
  expect(asked()).toBe(1);
  page.show(true);
  await pass(0);
  expect(asked()).toBe(2);
});

test("after the end nothing is asked and nothing is told", async () => {
  const { asked, seen, end } = polled(1_000);
  await pass(500);
  end();
  await pass(60_000);
  expect(asked()).toBe(1);
  expect(seen).toEqual([]);
});

test("an error keeps the last answer and its time, an answer takes the error away", () => {
  const error = new ApiError("away", "/x");
  expect(failed(answered("numbers", 7), error)).toEqual({ answer: "numbers", at: 7, error });
  expect(failed({}, error)).toEqual({ error });
  expect(answered("newer", 9)).toEqual({ answer: "newer", at: 9 });
});
