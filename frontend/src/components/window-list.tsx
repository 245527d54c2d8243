// A list of any length: only the rows in sight are there. Rows are of one height.

import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { windowOf } from "./window-of";
import "./window-list.css";

interface Props {
  label: string;
  count: number;
  rowHeight: number;
  /** One row; its key has to be its own, not its place. */
  row: (index: number) => ReactNode;
  /** Asked for when the end comes into sight. */
  onEnd?: () => void;
  /** Whether the first row is in sight, when that changes. */
  onTop?: (atTop: boolean) => void;
  head: ReactNode;
}

export function WindowList({ label, count, rowHeight, row, onEnd, onTop, head }: Props) {
  const room = useRef<HTMLDivElement>(null);
  const [view, setView] = useState({ top: 0, height: 800 });
  const { first, last } = windowOf(view.top, view.height, rowHeight, count);
  const nearEnd = last >= count - 1;

  useEffect(() => {
    if (nearEnd) onEnd?.();
  }, [nearEnd, count, onEnd]);

  useEffect(() => {
    const element = room.current;
    if (!element) return;
    const observer = new ResizeObserver(() => setView((view) => ({ ...view, height: element.clientHeight })));
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  function onScroll() {
    const top = room.current?.scrollTop ?? 0;
    onTop?.(top < rowHeight);
    const next = windowOf(top, view.height, rowHeight, count);
    // The rows that are there reach further than what is seen; until that is used up nothing is drawn.
    if (next.first !== first || next.last !== last) setView((view) => ({ ...view, top }));
  }

  function onKeyDown(event: KeyboardEvent) {
    const rows = [...(room.current?.querySelectorAll<HTMLElement>("[data-row]") ?? [])];
    const at = rows.findIndex((element) => element.contains(document.activeElement));
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    const next = rows[at + step] ?? (at < 0 ? rows[0] : undefined);
    next?.querySelector<HTMLElement>("a, button")?.focus();
    event.preventDefault();
  }

  return (
    <div className="window" role="table" aria-label={label} aria-rowcount={count + 1}>
      <div role="rowgroup">{head}</div>
      <div className="window-room" ref={room} onScroll={onScroll} onKeyDown={onKeyDown} role="rowgroup" tabIndex={0} aria-label={label}>
        <div className="window-all" style={{ height: count * rowHeight }} role="presentation">
          <div style={{ transform: `translateY(${first * rowHeight}px)` }} role="presentation">
            {Array.from({ length: Math.max(0, last - first + 1) }, (_, at) => row(first + at))}
          </div>
        </div>
      </div>
    </div>
  );
}
