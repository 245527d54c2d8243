// What a key's state asks of a person, and how a pool of keys is. Pure.

import type { Mood } from "../components/state";
import type { Key, KeyCounts } from "./types";

/** A state as people tell it: who has stopped the key makes a difference. */
export type KeyWord = "ready" | "cooling" | "out_of_credit" | "out_of_budget" | "rejected" | "paused" | "probing";

type Stated = Pick<Key, "enabled"> & { status: Pick<Key["status"], "state"> };

/** What stopped by itself is rejected, what a person stopped is paused. */
export function wordOf({ enabled, status: { state } }: Stated): KeyWord {
  if (!enabled) return "paused";
  return state === "disabled" ? "rejected" : state;
}

/** From what needs a person to what was decided by one. */
const MOODS: Record<string, [rank: number, mood: Mood]> = {
  rejected: [0, "bad"],
  out_of_credit: [1, "bad"],
  out_of_budget: [1, "bad"],
  cooling: [2, "warn"],
  probing: [3, "warn"],
  ready: [4, "good"],
  paused: [5, "idle"],
};

/** A state that only a newer server knows may need attention. */
const look = (word: string): [number, Mood] => MOODS[word] ?? [0, "warn"];

export const moodOf = (key: Stated): Mood => look(wordOf(key))[1];

export const rankOf = (key: Stated): number => look(wordOf(key))[0];

/** Keys by how much they need attention; among equals the server's order stays. */
export const byTrouble = <K extends Stated>(keys: readonly K[]): K[] => keys.toSorted((a, b) => rankOf(a) - rankOf(b));

/** Whether somebody should look at the key: it is neither well nor was it stopped by a person. */
export const needsAttention = (key: Stated): boolean => look(wordOf(key))[0] < 4;

/** How many keys there are of each kind. */
export type AllCounts = KeyCounts & { out_of_budget?: number };

/** Bad when no key can answer; a key paused by a person is nothing to warn about. */
export function fitnessMood({ total, ready, cooling, out_of_credit, out_of_budget = 0 }: AllCounts): Mood {
  if (total === 0) return "idle";
  if (ready === 0) return "bad";
  return cooling + out_of_credit + out_of_budget > 0 ? "warn" : "good";
}
