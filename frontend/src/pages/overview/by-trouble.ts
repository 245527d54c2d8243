// The order of keys: what needs a person first.

import type { Mood } from "../../components/state";
import type { Key } from "../../services/types";

/** From what needs a person to what was decided by one. */
const MOODS: Record<string, [rank: number, mood: Mood]> = {
  out_of_credit: [0, "bad"],
  cooling: [1, "warn"],
  probing: [2, "warn"],
  ready: [3, "good"],
  disabled: [4, "idle"],
};

/** A state that only a newer server knows may need attention. */
const UNKNOWN: [number, Mood] = [0, "warn"];

const look = (state: string) => MOODS[state] ?? UNKNOWN;

export const moodOf = (state: string): Mood => look(state)[1];

/** Keys by how much they need attention; among equals the server's order stays. */
export const byTrouble = (keys: readonly Key[]): Key[] =>
  keys.toSorted((a, b) => look(a.status.state)[0] - look(b.status.state)[0]);
