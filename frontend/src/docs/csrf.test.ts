import { expect, test } from "vitest";
import { withCsrf } from "./csrf";

const signedIn = () => Promise.resolve(Response.json({ csrf_token: "token" }));
const stranger = () => Promise.resolve(new Response(null, { status: 401 }));

const sent = async (method: string, headers: Record<string, string>, ask: typeof fetch) =>
  (await withCsrf({ url: "/api/keys", method, headers }, ask)).headers;

test("what changes something carries the token of the session", async () => {
  expect(await sent("POST", { a: "b" }, signedIn)).toEqual({ a: "b", "x-csrf-token": "token" });
  expect(await sent("GET", {}, signedIn)).toEqual({});
  expect(await sent("DELETE", {}, stranger)).toEqual({});
});

test("whoever shows a credential needs no session", async () => {
  expect(await sent("POST", { Authorization: "Bearer x" }, signedIn)).toEqual({ Authorization: "Bearer x" });
});
