import { afterEach, expect, test, vi } from "vitest";
import { ApiError, askWith, send, withQuery } from "./http";

type Answer = { status?: number; body?: string } | Error;

/** A server that answers each path as told, and notes what it was asked. */
function server(answers: Record<string, Answer>) {
  const asked: { path: string; method: string; headers: Headers; body: unknown }[] = [];
  vi.stubGlobal("fetch", async (path: string, init: RequestInit) => {
    asked.push({ path, method: init.method ?? "GET", headers: new Headers(init.headers), body: init.body });
    const answer = answers[path] ?? new Error("no such path");
    if (answer instanceof Error) throw answer;
    return new Response(answer.status === 204 ? null : (answer.body ?? "{}"), { status: answer.status ?? 200 });
  });
  return asked;
}

const errorOf = (asking: Promise<unknown>) => asking.then(() => undefined, (error: unknown) => error);

afterEach(() => {
  vi.unstubAllGlobals();
  askWith({}, () => {});
});

test("a question shows who asks, by token or by the header that goes with a session", async () => {
  const asked = server({ "/api/keys": {} });
  askWith({ bearer: "secret" }, () => {});
  await send("/api/keys");
  askWith({ csrf: "c-1" }, () => {});
  await send("/api/keys", { method: "POST", body: { name: "a" } });
  expect(asked[0]?.headers.get("authorization")).toBe("Bearer secret");
  expect(asked[1]?.headers.get("authorization")).toBeNull();
  expect(asked[1]?.headers.get("x-csrf-token")).toBe("c-1");
  expect(asked[1]?.body).toBe('{"name":"a"}');
});

test("parameters that say nothing are left out, and the rest is escaped", () => {
  expect(withQuery("/x", { a: undefined, b: "", c: null })).toBe("/x");
  expect(withQuery("/x", { model: "a/b c", page: 0, on: false })).toBe("/x?model=a%2Fb+c&page=0&on=false");
});

test.each<[string, Answer, string, number | undefined]>([
  ["a broken connection", new TypeError("failed to fetch"), "away", undefined],
  ["401", { status: 401 }, "unauthorized", 401],
  ["403", { status: 403 }, "forbidden", 403],
  ["404", { status: 404 }, "missing", 404],
  ["500", { status: 500 }, "refused", 500],
  ["a page of some proxy", { body: "<html>" }, "unreadable", 200],
])("%s is told as what it is", async (_, answer, trouble, status) => {
  server({ "/api/keys": answer });
  const error = await errorOf(send("/api/keys"));
  expect(error).toBeInstanceOf(ApiError);
  expect(error).toMatchObject({ trouble, status, path: "/api/keys" });
});

test("what the server says of a field is kept", async () => {
  server({ "/api/keys": { status: 400, body: '{"error":{"type":"invalid_request","message":"no","field":"name"}}' } });
  expect(await errorOf(send("/api/keys"))).toMatchObject({ complaint: { message: "no", field: "name" } });
});

test("an answer without content is no trouble, and a lost session is told once it is seen", async () => {
  server({ "/a": { status: 204 }, "/b": { status: 401 } });
  const rejected = vi.fn();
  askWith({ bearer: "x" }, rejected);
  expect(await send("/a")).toBeUndefined();
  expect(rejected).not.toHaveBeenCalled();
  await errorOf(send("/b"));
  expect(rejected).toHaveBeenCalledOnce();
});
