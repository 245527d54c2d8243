// The token that the playground calls with: one that was typed, or one that is made for an hour.

import { ApiError, send } from "../../services/http";
import type { ClientToken } from "../../services/types";

const LIFE_MS = 3_600_000;
/** It is replaced a little before it ends, so that no call meets its end. */
const SPARE_MS = 60_000;
const BUDGET = { limit: "1", window: "total" };

let made: { value: string; ends: number } | undefined;

async function make(username: string): Promise<ClientToken> {
  const body = { name: `playground of ${username}`, expires_at: new Date(Date.now() + LIFE_MS).toISOString() };
  try {
    return await send<ClientToken>("/api/tokens", { method: "POST", body: { ...body, budget: BUDGET } });
  } catch (error) {
    // A server without budgets names the field.
    if (!(error instanceof ApiError && error.complaint.field === "budget")) throw error;
    return send<ClientToken>("/api/tokens", { method: "POST", body });
  }
}

/** A token that works now. It lives in memory alone. */
export async function tokenFor(username: string): Promise<string> {
  if (!made || made.ends - SPARE_MS < Date.now()) {
    const { token } = await make(username);
    made = { value: token ?? "", ends: Date.now() + LIFE_MS };
  }
  return made.value;
}

/** Calls with a token that was just shown, instead of making one. */
export const callWith = (value: string) => {
  made = { value, ends: Number.POSITIVE_INFINITY };
};

/** Forgets the token, as when the server no longer knows it. */
export const forgetToken = () => {
  made = undefined;
};
