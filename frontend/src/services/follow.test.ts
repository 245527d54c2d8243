import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { follow } from "./follow";
import type { Call } from "./types";

const call = (id: number) => ({ id, create_time: "2026-11-28T12:00:00Z" });

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal("document", { hidden: false });
});
afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

/** Follows a server that answers each path as told, and gives what was heard and asked. */
function followed(live: () => Response) {
  const asked: string[] = [];
  const heard: number[] = [];
  vi.stubGlobal("fetch", async (path: string) => {
    asked.push(path.split("?")[0] ?? "");
    return path.startsWith("/api/requests/live") ? live() : new Response(JSON.stringify({ items: [call(7)], next_cursor: null }));
  });
  const ended = new AbortController();
  void follow({}, ended.signal, (calls: Call[]) => heard.push(...calls.map(({ id }) => id)));
  return { asked, heard, end: () => ended.abort() };
}

test("calls are heard as they are told, and a stream that ends is opened again", async () => {
  const { asked, heard, end } = followed(() => new Response(`event: request\ndata: ${JSON.stringify(call(1))}\n\n`));
  await vi.advanceTimersByTimeAsync(6_000);
  end();
  expect(heard).toEqual([1, 1]);
  expect(asked).toEqual(["/api/requests/live", "/api/requests/live"]);
});

test("a server without a stream is asked instead, but not while nobody looks", async () => {
  const { asked, heard, end } = followed(() => new Response("{}", { status: 404 }));
  await vi.advanceTimersByTimeAsync(3_500);
  expect(heard).toEqual([7]);
  vi.stubGlobal("document", { hidden: true });
  await vi.advanceTimersByTimeAsync(9_000);
  end();
  expect(asked).toEqual(["/api/requests/live", "/api/requests"]);
});
