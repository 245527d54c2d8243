// What can be done to keys, one or many.

import { complain, tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { ApiError, send } from "../../services/http";
import { useRefresh } from "../../services/query";
import type { Key } from "../../services/types";
import { useText, useWords } from "../../text";
import { inTurn } from "./in-turn";
import { words as both } from "./text";

const change = (id: number, body: Partial<Key>) => send<Key>(`/api/keys/${id}`, { method: "PUT", body });
const reset = (id: number) => send<Key>(`/api/keys/${id}/reset`, { method: "POST" });
const remove = (id: number) => send<void>(`/api/keys/${id}`, { method: "DELETE" });

/** How many keys are changed at a time. */
const SIDE_BY_SIDE = 6;

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

  /** Does the same to many, some at a time; one that is refused does not stop the rest. */
  async function toMany(keys: readonly Key[], deed: (key: Key) => Promise<unknown>, onProgress?: (done: number) => void) {
    const failures = await inTurn(keys, SIDE_BY_SIDE, deed, onProgress);
    await fresh();
    const [first] = failures;
    if (first) complain(words.bulkFailed(format.whole(failures.length), told(first.error)));
    else tell(words.bulkDone(format.whole(keys.length)));
  }

  return {
    fresh,
    setEnabled,
    reset: (key: Key) => attempt(() => reset(key.id), words.wasReset(key.name)),
    remove: async (key: Key) => {
      await remove(key.id);
      await fresh();
    },
    toMany,
    deeds: {
      pause: (key: Key) => change(key.id, { enabled: false }),
      resume: (key: Key) => change(key.id, { enabled: true }),
      reset: (key: Key) => reset(key.id),
      remove: (key: Key) => remove(key.id).catch(ignoreMissing),
      tag: (tags: string[]) => (key: Key) => change(key.id, { tags: [...new Set([...key.tags, ...tags])] }),
    },
  };
}

/** What somebody else has deleted meanwhile is deleted. */
function ignoreMissing(error: unknown) {
  if (!(error instanceof ApiError && error.trouble === "missing")) throw error;
}
