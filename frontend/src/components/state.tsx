// A state as a colour and a word; the colour alone says nothing to many readers.

import type { ReactNode } from "react";
import "./state.css";

export type Mood = "good" | "warn" | "bad" | "idle";

export function State({ mood, children }: { mood: Mood; children: ReactNode }) {
  return <span className={`state state-${mood}`}>{children}</span>;
}

/** The same on a ground of its own, for tables. */
export function Badge({ mood, children }: { mood: Mood; children: ReactNode }) {
  return <span className={`badge state-${mood}`}>{children}</span>;
}

export function Tag({ children }: { children: ReactNode }) {
  return <span className="tag">{children}</span>;
}
