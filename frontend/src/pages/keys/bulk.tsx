// What can be done to the keys that are selected.

import { Button, Input } from "antd";
import { useState } from "react";
import { Confirm } from "../../components/confirm";
import { Dialog } from "../../components/dialog";
import { Field } from "../../components/field";
import type { Key } from "../../services/types";
import { useText, useWords } from "../../text";
import { type Action, useKeyChanges } from "./changes";
import { listOf } from "./form-values";
import { TestMany } from "./test-many";
import { words as both } from "./text";

interface Props {
  keys: readonly Key[];
  onClear: () => void;
}

function TagDialog({ count, onTag, onClose }: { count: number; onTag: (tags: string[]) => void; onClose: () => void }) {
  const { text, format } = useText();
  const words = useWords(both);
  const [typed, setTyped] = useState("");
  const save = (
    <Button type="primary" disabled={listOf(typed).length === 0} onClick={() => (onTag(listOf(typed)), onClose())}>
      {text.common.save}
    </Button>
  );
  return (
    <Dialog title={words.tagsTitle(format.whole(count))} size="small" onClose={onClose} footer={save}>
      <Field label={words.tagsField}>
        <Input value={typed} autoFocus onChange={(event) => setTyped(event.target.value)} />
      </Field>
    </Dialog>
  );
}

export function BulkBar({ keys, onClear }: Props) {
  const { text, format } = useText();
  const words = useWords(both);
  const { toMany } = useKeyChanges();
  const [open, setOpen] = useState<"tag" | "delete" | "test">();
  const [done, setDone] = useState<number>();

  async function run(action: Action, tags?: string[]) {
    setDone(0);
    await toMany(keys, action, setDone, tags);
    setDone(undefined);
  }

  const busy = done !== undefined;
  const close = () => setOpen(undefined);
  return (
    <div className="bulk" role="region" aria-label={text.common.selected(format.whole(keys.length))}>
      <strong aria-live="polite">
        {busy ? words.progress(format.whole(done), format.whole(keys.length)) : text.common.selected(format.whole(keys.length))}
      </strong>
      <Button disabled={busy} onClick={() => setOpen("test")}>{words.testAll}</Button>
      <Button disabled={busy} onClick={() => void run("enable")}>{words.resume}</Button>
      <Button disabled={busy} onClick={() => void run("disable")}>{words.pause}</Button>
      <Button disabled={busy} onClick={() => void run("reset")}>{words.reset}</Button>
      <Button disabled={busy} onClick={() => setOpen("tag")}>{words.addTags}</Button>
      <Button disabled={busy} danger onClick={() => setOpen("delete")}>{words.remove}</Button>
      <Button type="text" onClick={onClear}>{text.common.clear}</Button>
      {open === "tag" && <TagDialog count={keys.length} onTag={(tags) => void run("tag", tags)} onClose={close} />}
      {open === "test" && <TestMany keys={keys} onClose={close} />}
      {open === "delete" && (
        <Confirm
          title={words.removeMany(format.whole(keys.length))}
          action={words.remove}
          typed={String(keys.length)}
          onConfirm={() => run("delete").then(onClear)}
          onClose={close}
        >
          {words.removeText}
        </Confirm>
      )}
    </div>
  );
}
