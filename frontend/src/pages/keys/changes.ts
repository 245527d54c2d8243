// What can be done to keys, one or many.

import { complain, tell } from "../../components/toast";
import { isAbsent, useTroubleText } from "../../components/trouble";
import { ApiError, send } from "../../services/http";
import { useRefresh } from "../../services/query";
import type { Bulk, Key } from "../../services/types";
import { useText, useWords } from "../../text";
import { type SmallField, smallChange } from "./form-values";
import { inTurn } from "./in-turn";
import { words as both } from "./text";

const change = (id: number, body: Partial<Key>) => send<Key>(`/api/keys/${id}`, { method: "PUT", body });
const reset = (id: number) => send<Key>(`/api/keys/${id}/reset`, { method: "POST" });
const remove = (id: number) => send<void>(`/api/keys/${id}`, { method: "DELETE" });

/** How many keys are changed at a time. */
const SIDE_BY_SIDE = 6;

/** What can be done to many. */
export type Action = "enable" | "disable" | "reset" | "tag" | "delete";

/** One question for all of them; gives why some were refused. */
async function together(keys: readonly Key[], action: Action, tags: string[]): Promise<unknown[]> {
  const body = { action, ids: keys.map(({ id }) => id), ...(action === "tag" && { tags }) };
  const { failed } = await send<Bulk>("/api/keys/bulk", { method: "POST", body });
  return failed.map(({ message }) => message);
}

const one =
  (action: Action, tags: string[]) =>
  (key: Key): Promise<unknown> => {
    switch (action) {
      case "enable":
      case "disable":
        return change(key.id, { enabled: action === "enable" });
      case "reset":
        return reset(key.id);
      case "tag":
        return change(key.id, { tags: [...new Set([...key.tags, ...tags])] });
      case "delete":
        return remove(key.id).catch(ignoreMissing);
    }
  };

/** Does `deed`, refreshes what shows keys, and tells how it went. */
export function useKeyChanges() {
  const words = useWords(both);
  const { format } = useText();
  const told = useTroubleText();
  const refresh = useRefresh();
  const fresh = () => refresh("/api/keys", "/api/statistics");

  async function attempt(deed: () => Promise<unknown>, message: string, undo?: () => void) {
    try {
      await deed();
      tell(message, undo);
    } catch (error) {
      complain(told(error));
    }
    await fresh();
  }

  const setEnabled = (key: Key, enabled: boolean): Promise<void> =>
    attempt(
      () => change(key.id, { enabled }),
      (enabled ? words.resumed : words.paused)(key.name),
      () => void setEnabled(key, !enabled),
    );

  /** Sets one field where it stands; what it was comes back by the undo. */
  function edit(key: Key, field: SmallField, typed: string): Promise<void> {
    const { body, back } = smallChange(key, field, typed);
    const undo = () => void attempt(() => change(key.id, back), words.edited(key.name));
    return attempt(() => change(key.id, body), words.edited(key.name), undo);
  }

  /** Does the same to many at once, or one after the other where the server can not; who is refused stops nobody. */
  async function toMany(keys: readonly Key[], action: Action, onProgress?: (done: number) => void, tags: string[] = []) {
    const failures = await together(keys, action, tags).catch((error: unknown) => {
      if (!isAbsent(error)) return keys.map(() => error);
      return inTurn(keys, SIDE_BY_SIDE, one(action, tags), onProgress).then((failed) => failed.map(({ error }) => error));
    });
    await fresh();
    const [first] = failures;
    if (first) complain(words.bulkFailed(format.whole(failures.length), typeof first === "string" ? first : told(first)));
    else tell(words.bulkDone(format.whole(keys.length)));
  }

  return {
    fresh,
    setEnabled,
    edit,
    reset: (key: Key) => attempt(() => reset(key.id), words.wasReset(key.name)),
    remove: async (key: Key) => {
      await remove(key.id);
      await fresh();
    },
    toMany,
  };
}

/** What somebody else has deleted meanwhile is deleted. */
function ignoreMissing(error: unknown) {
  if (!(error instanceof ApiError && error.trouble === "missing")) throw error;
}
