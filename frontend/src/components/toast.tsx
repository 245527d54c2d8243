// Short news at the edge of the page, read out by screen readers, with a way back where there is one.

import { Button } from "antd";
import { useEffect, useState, useSyncExternalStore } from "react";
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

/** The places that can show them, the newest last: behind a dialog nothing can be clicked or heard. */
let rooms: readonly number[] = [];
let lastRoom = 0;

const newRoom = () => (lastRoom += 1);

function enter(room: number) {
  rooms = [...rooms, room];
  change(toasts);
}

function leave(room: number) {
  rooms = rooms.filter((other) => other !== room);
  change(toasts);
}

/** Shows them, unless somebody nearer to the reader does. */
export function Toasts() {
  const shown = useSyncExternalStore(subscribe, () => toasts);
  const front = useSyncExternalStore(subscribe, () => rooms.at(-1));
  const [room] = useState(newRoom);
  useEffect(() => {
    enter(room);
    return () => leave(room);
  }, [room]);
  return (
    <div className="toasts" role="status" aria-live="polite">
      {room === front && shown.map((toast) => <One key={toast.id} {...toast} />)}
    </div>
  );
}
