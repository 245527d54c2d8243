// Who uses this page: a person with a session of the server, or who holds the admin token.
//
// The session's cookie is not to be seen from here; the server says who it belongs to.

import { createContext, useContext } from "react";
import { ApiError, askWith, send } from "../services/http";
import type { Me, SetupState } from "../services/types";
import { forgetToken, keepToken, storedToken } from "./token";

export type { Me, Role } from "../services/types";

export type User = Pick<NonNullable<Me["user"]>, "username" | "role">;

/** Nobody, with what can be done about it; or somebody. */
export type Session =
  | { state: "asking" }
  | { state: "out"; setup: boolean; passwords: boolean; lost?: boolean }
  | { state: "away"; error: unknown }
  | { state: "in"; user: User; byToken: boolean };

const ADMIN: User = { username: "admin", role: "admin" };

/** Takes what a login, a setup or `me` answered. */
export function enterWith(me: Me, onLost: () => void): Session {
  askWith(me.csrf_token ? { csrf: me.csrf_token } : {}, onLost);
  return { state: "in", user: me.user ?? ADMIN, byToken: false };
}

/** Tries a token, and keeps it for this tab when it opens. */
export async function enterByToken(token: string, onLost: () => void): Promise<Session> {
  askWith({ bearer: token }, () => {});
  await send("/api/statistics/overview");
  keepToken(token);
  askWith({ bearer: token }, onLost);
  return { state: "in", user: ADMIN, byToken: true };
}

/** Which doors there are: whether the server waits for its first admin, and whether it knows passwords at all. */
async function doors(): Promise<Session> {
  try {
    const { setup_needed } = await send<SetupState>("/api/auth/state");
    return { state: "out", setup: setup_needed, passwords: true };
  } catch {
    return { state: "out", setup: false, passwords: false };
  }
}

async function bySession(onLost: () => void): Promise<Session> {
  try {
    return enterWith(await send<Me>("/api/auth/me"), onLost);
  } catch (error) {
    if (error instanceof ApiError && error.trouble === "away") return { state: "away", error };
    return doors();
  }
}

/** Who is there already when the page opens. */
export async function firstSession(onLost: () => void): Promise<Session> {
  const token = storedToken();
  if (!token) return bySession(onLost);
  try {
    return await enterByToken(token, onLost);
  } catch (error) {
    if (error instanceof ApiError && error.trouble === "away") return { state: "away", error };
    forgetToken();
    askWith({}, () => {});
    return bySession(onLost);
  }
}

/** Ends the session, here and at the server. */
export async function leave(session: Session) {
  if (session.state === "in" && !session.byToken) await send("/api/auth/logout", { method: "POST" }).catch(() => {});
  forgetToken();
  askWith({}, () => {});
}

export interface Access {
  user: User;
  byToken: boolean;
  signOut: () => void;
}

export const AccessContext = createContext<Access>({ user: ADMIN, byToken: true, signOut: () => {} });

/** Who looks at the page, and what they may do with it. */
export function useAccess() {
  const access = useContext(AccessContext);
  const { role } = access.user;
  return { ...access, mayChange: role !== "viewer", mayManage: role === "admin" };
}
