// Short news at the edge of the page, read out by screen readers, with a way back where there is one.

import { Button } from "antd";
import { useEffect, useSyncExternalStore } from "react";
import { useText } from "../text";
import "./toast.css";

interface Toast {
  id: number;
  message: string;
  mood: "good" | "bad";
  undo?: (() => void) | undefined;
}

/** How long news stay, in milliseconds; bad ones and those with a way back longer. */
const LIFE_MS = 4_000;
const LONG_LIFE_MS = 9_000;

let toasts: readonly Toast[] = [];
let last = 0;
const listeners = new Set<() => void>();

function change(next: readonly Toast[]) {
  toasts = next;
  for (const listener of listeners) listener();
}

const drop = (id: number) => change(toasts.filter((toast) => toast.id !== id));

/** Tells that something worked; `undo` takes it back. */
export function tell(message: string, undo?: () => void) {
  last += 1;
  change([...toasts.slice(-3), { id: last, message, mood: "good", undo }]);
}

/** Tells that something did not work. */
export function complain(message: string) {
  last += 1;
  change([...toasts.slice(-3), { id: last, message, mood: "bad" }]);
}

function One({ id, message, mood, undo }: Toast) {
  const { text } = useText();
  useEffect(() => {
    const timer = setTimeout(() => drop(id), undo || mood === "bad" ? LONG_LIFE_MS : LIFE_MS);
    return () => clearTimeout(timer);
  }, [id, undo, mood]);
  const back = undo && (() => (undo(), drop(id)));
  return (
    <div className={`toast toast-${mood}`}>
      <span>{message}</span>
      {back && (
        <Button size="small" onClick={back}>
          {text.common.undo}
        </Button>
      )}
    </div>
  );
}

function subscribe(changed: () => void) {
  listeners.add(changed);
  return () => listeners.delete(changed);
}

export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {shown.map((toast) => (
        <One key={toast.id} {...toast} />
      ))}
    </div>
  );
}
