import { afterEach, expect, test, vi } from "vitest";
import { ApiError, readServer, readSnapshot } from "./api";

type Answer = { status?: number; body?: string } | Error;

/** A server that answers each path as told, and notes what it was asked. */
function server(answers: Record<string, Answer>) {
  const asked: { path: string; authorization: string | null }[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push({ path, authorization: new Headers(init.headers).get("authorization") });
    const answer = answers[path] ?? new Error("no such path");
    if (answer instanceof Error) throw answer;
    return new Response(answer.body ?? "{}", { status: answer.status ?? 200 });
  });
  return asked;
}

const never = new AbortController().signal;

const errorOf = (asking: Promise<unknown>) => asking.then(() => undefined, (error: unknown) => error);

afterEach(() => vi.unstubAllGlobals());

test("the token goes to the admin paths and to no other", async () => {
  const asked = server({ "/health": {}, "/ready": {}, "/api/statistics/overview": {}, "/api/keys": {} });
  await readServer(never);
  await readSnapshot("secret", never);
  expect(asked).toEqual([
    { path: "/health", authorization: null },
    { path: "/ready", authorization: null },
    { path: "/api/statistics/overview", authorization: "Bearer secret" },
    { path: "/api/keys", authorization: "Bearer secret" },
  ]);
});

test("a server that is there but not ready is a state, not an error", async () => {
  server({ "/health": { body: '{"status":"ok","version":"1.2.3"}' }, "/ready": { status: 503 } });
  expect(await readServer(never)).toEqual({ version: "1.2.3", ready: false });
});

test.each<[string, Answer, string, number | undefined]>([
  ["a broken connection", new TypeError("failed to fetch"), "away", undefined],
  ["401", { status: 401 }, "unauthorized", 401],
  ["403", { status: 403 }, "refused", 403],
  ["500", { status: 500 }, "refused", 500],
  ["a page of some proxy", { body: "<html>" }, "unreadable", 200],
])("%s is told as what it is", async (_, answer, trouble, status) => {
  server({ "/api/keys": answer, "/api/statistics/overview": {} });
  const error = await errorOf(readSnapshot("secret", never));
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ trouble, status, path: "/api/keys" });
});
