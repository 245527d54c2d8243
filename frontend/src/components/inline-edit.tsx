// A value that is changed where it stands: Enter or leaving it keeps what was typed, Escape what was there.

import EditOutlined from "@ant-design/icons/EditOutlined";
import { Input } from "antd";
import { type KeyboardEvent, type ReactNode, useEffect, useRef, useState } from "react";
import { useText } from "../text";
import "./inline-edit.css";

interface Props {
  /** What it is, for who does not see where it stands. */
  label: string;
  value: string;
  onSave: (value: string) => void;
  /** How it is shown; as it is written, unless told otherwise. */
  children?: ReactNode;
  /** Shown where there is nothing yet. */
  empty?: string;
  /** Over the whole width of its place. */
  wide?: boolean;
  numeric?: boolean;
}

function Editor({ label, value, wide, numeric, onEnd }: Pick<Props, "label" | "value" | "wide" | "numeric"> & { onEnd: (typed: string | undefined) => void }) {
  const [typed, setTyped] = useState(value);
  // What is taken away while it has the focus loses it too.
  const ended = useRef(false);
  const end = (typed: string | undefined) => {
    if (!ended.current) onEnd(typed);
    ended.current = true;
  };
  function onKeyDown(event: KeyboardEvent) {
    if (event.key !== "Escape" && event.key !== "Enter") return;
    // An Escape that is used up here does not close what is around.
    event.preventDefault();
    event.stopPropagation();
    end(event.key === "Enter" ? typed : undefined);
  }
  return (
    <span className={wide ? "inline-form inline-wide" : "inline-form"}>
      <Input autoFocus size="small" aria-label={label} value={typed} inputMode={numeric ? "numeric" : "text"} onChange={(event) => setTyped(event.target.value)} onKeyDown={onKeyDown} onBlur={() => end(typed)} />
    </span>
  );
}

export function InlineEdit({ label, value, onSave, children = value, empty = "—", wide = false, numeric = false }: Props) {
  const { common } = useText().text;
  const [editing, setEditing] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const wasEditing = useRef(false);
  useEffect(() => {
    if (wasEditing.current && !editing && document.activeElement === document.body) button.current?.focus();
    wasEditing.current = editing;
  }, [editing]);

  function end(typed: string | undefined) {
    setEditing(false);
    if (typed !== undefined && typed.trim() !== value.trim()) onSave(typed.trim());
  }

  if (editing) return <Editor label={label} value={value} wide={wide} numeric={numeric} onEnd={end} />;
  return (
    <button ref={button} type="button" className={value ? "inline" : "inline inline-empty"} aria-label={common.change(label, value || empty)} onClick={() => setEditing(true)}>
      {value ? children : <span className="soft">{empty}</span>}
      <EditOutlined aria-hidden />
    </button>
  );
}
