// Asks before what can not be undone.

import { Button, Input } from "antd";
import { type ReactNode, useId, useState } from "react";
import { useText } from "../text";
import { Dialog } from "./dialog";
import { useTroubleText } from "./trouble";

interface Props {
  title: string;
  children: ReactNode;
  /** What the button says: the deed, not "OK". */
  action: string;
  /** What has to be typed before the button works, for what hurts most. */
  typed?: string;
  onConfirm: () => Promise<unknown>;
  onClose: () => void;
}

export function Confirm({ title, children, action, typed, onConfirm, onClose }: Props) {
  const { text } = useText();
  const told = useTroubleText();
  const id = useId();
  const [given, setGiven] = useState("");
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<string>();

  async function confirm() {
    setBusy(true);
    try {
      await onConfirm();
      onClose();
    } catch (error) {
      setProblem(told(error));
    }
    setBusy(false);
  }

  const footer = (
    <>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button danger type="primary" loading={busy} disabled={typed !== undefined && given.trim() !== typed} onClick={confirm}>
        {action}
      </Button>
    </>
  );
  return (
    <Dialog title={title} size="small" onClose={onClose} footer={footer}>
      <div>{children}</div>
      {typed !== undefined && (
        <label htmlFor={id} className="field">
          <span>{text.common.typeToConfirm(typed)}</span>
          <Input id={id} value={given} autoComplete="off" onChange={(event) => setGiven(event.target.value)} />
        </label>
      )}
      {problem && (
        <p className="problem" role="alert">
          {problem}
        </p>
      )}
    </Dialog>
  );
}
