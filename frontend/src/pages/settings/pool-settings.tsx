// The settings that the pool keeps. What a change changes is shown before it is saved.

import { Button, Input } from "antd";
import { type FormEvent, useId, useState } from "react";
import { useAccess } from "../../access/session";
import { Dialog } from "../../components/dialog";
import { Field } from "../../components/field";
import { Panel, Waiting } from "../../components/page";
import { Badge } from "../../components/state";
import { type Column, DataTable } from "../../components/table";
import { tell } from "../../components/toast";
import { Trouble, useTroubleText } from "../../components/trouble";
import { send } from "../../services/http";
import { useRead, useRefresh } from "../../services/query";
import type { List, Setting } from "../../services/types";
import { useText, useWords } from "../../text";
import { KNOWN, type SettingNow, settingsNow } from "./known";
import { words as both } from "./text";

function SettingForm({ setting, onClose }: { setting?: SettingNow; onClose: () => void }) {
  const { text } = useText();
  const words = useWords(both);
  const { settingForm: form } = words;
  const told = useTroubleText();
  const refresh = useRefresh();
  const id = useId();
  const [key, setKey] = useState(setting?.key ?? "");
  const [value, setValue] = useState(setting?.value ?? "");
  const [problem, setProblem] = useState<string>();

  async function save(value: string | null) {
    try {
      await send(`/api/config/${encodeURIComponent(key.trim())}`, { method: "PUT", body: { value } });
      void refresh("/api/config");
      tell(text.common.saved);
      onClose();
    } catch (error) {
      setProblem(told(error));
    }
  }

  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save(value);
  };
  const footer = (
    <>
      {setting?.value != null && <Button onClick={() => void save(null)}>{words.unset}</Button>}
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type="primary" htmlType="submit" form={id} disabled={!key.trim() || !value || value === setting?.value}>{form.save}</Button>
    </>
  );
  return (
    <Dialog title={setting ? form.title(setting.key) : form.newTitle} size="small" onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={submit}>
        {!setting && (
          <Field label={words.key}>
            <Input value={key} autoComplete="off" onChange={(event) => setKey(event.target.value)} />
          </Field>
        )}
        <Field label={words.value} hint={KNOWN[key] && form.example(KNOWN[key].example)}>
          <Input value={value} autoComplete="off" onChange={(event) => setValue(event.target.value)} />
        </Field>
        <dl className="difference">
          <dt className="soft">{form.before}</dt>
          <dd className="inert">{setting?.value ?? setting?.usual ?? form.none}</dd>
          <dt className="soft">{form.after}</dt>
          <dd className="inert">{value || "—"}</dd>
        </dl>
        {problem && <p className="problem" role="alert">{problem}</p>}
      </form>
    </Dialog>
  );
}

export function PoolSettings() {
  const { text } = useText();
  const words = useWords(both);
  const { mayManage } = useAccess();
  const [open, setOpen] = useState<{ setting?: SettingNow }>();
  const { data, error, refetch } = useRead<List<Setting>>("/api/config");
  const columns: Column<SettingNow>[] = [
    {
      id: "key",
      title: words.key,
      head: true,
      by: ({ key }) => key,
      cell: ({ key }) => (
        <>
          <code className="code inert">{key}</code>
          {words.known[key] && <div className="soft small">{words.known[key]}</div>}
        </>
      ),
    },
    { id: "value", title: words.value, cell: ({ value, usual }) => (value === null ? <span className="soft">{usual ?? words.settingForm.none}</span> : <code className="code inert">{value}</code>) },
    { id: "source", title: words.source, by: ({ value }) => Number(value !== null), cell: ({ value }) => <Badge mood={value === null ? "idle" : "good"}>{value === null ? words.byDefault : words.bySomebody}</Badge> },
    { id: "actions", title: text.common.actions, cell: (setting) => mayManage && <Button size="small" aria-label={`${words.change} ${setting.key}`} onClick={() => setOpen({ setting })}>{words.change}</Button> },
  ];
  return (
    <Panel flush title={words.settings} note={words.settingsNote} actions={mayManage && <Button onClick={() => setOpen({})}>{words.addSetting}</Button>}>
      {error && <Trouble error={error} again={() => void refetch()} />}
      {!data && !error && <Waiting />}
      {data && <DataTable label={words.settings} columns={columns} rows={settingsNow(data.items)} id={({ key }) => key} nameOf={({ key }) => key} />}
      {open && <SettingForm {...open} onClose={() => setOpen(undefined)} />}
    </Panel>
  );
}
