// Views of the log to come back to: saved by name, in this browser.

import { useNavigate } from "@tanstack/react-router";
import { Button, Input } from "antd";
import { type FormEvent, useId, useState } from "react";
import { Dialog } from "../../components/dialog";
import { Field, Select } from "../../components/field";
import { tell } from "../../components/toast";
import { useText, useWords } from "../../text";
import type { LogSearch } from "./filter";
import { sameView, storedViews, storeViews, type View, withoutView, withView } from "./saved";
import { words as both } from "./text";

function Save({ onSave, onClose }: { onSave: (name: string) => void; onClose: () => void }) {
  const { text } = useText();
  const { views: words } = useWords(both);
  const id = useId();
  const [name, setName] = useState("");
  const submit = (event: FormEvent) => {
    event.preventDefault();
    if (name.trim()) onSave(name.trim());
  };
  const footer = (
    <>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type="primary" htmlType="submit" form={id} disabled={!name.trim()}>{text.common.save}</Button>
    </>
  );
  return (
    <Dialog title={words.saveTitle} size="small" onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={submit}>
        <Field label={text.common.name} hint={words.hint}>
          <Input value={name} autoComplete="off" maxLength={60} onChange={(event) => setName(event.target.value)} />
        </Field>
      </form>
    </Dialog>
  );
}

export function Views({ search }: { search: LogSearch }) {
  const { views: words } = useWords(both);
  const navigate = useNavigate();
  const [views, setViews] = useState(storedViews);
  const [saving, setSaving] = useState(false);
  const shown = sameView(views, search);
  function put(next: View[]) {
    storeViews(next);
    setViews(next);
  }
  const go = (name: string) => void navigate({ to: "/requests", search: views.find((view) => view.name === name)?.search ?? {} });
  function forget(view: View) {
    put(withoutView(views, view.name));
    tell(words.forgotten(view.name), () => put(withView(withoutView(views, view.name), view.name, view.search)));
  }
  const { open: _, ...filters } = search;
  return (
    <>
      {views.length > 0 && <Select label={words.title} value={shown?.name ?? ""} onChange={go} options={[{ value: "", label: words.title }, ...views.map(({ name }) => ({ value: name, label: name }))]} />}
      {shown && <Button type="text" onClick={() => forget(shown)}>{words.forget}</Button>}
      {!shown && Object.keys(filters).length > 0 && <Button type="text" onClick={() => setSaving(true)}>{words.save}</Button>}
      {saving && (
        <Save
          onClose={() => setSaving(false)}
          onSave={(name) => {
            put(withView(views, name, search));
            setSaving(false);
          }}
        />
      )}
    </>
  );
}
