// Groups of tokens: limits and a budget for all of them together.

import { Button, Input } from "antd";
import { type FormEvent, useId, useState } from "react";
import { useAccess } from "../../access/session";
import { Confirm } from "../../components/confirm";
import { Dialog } from "../../components/dialog";
import { Field, Select } from "../../components/field";
import { Panel } from "../../components/page";
import { type Column, DataTable } from "../../components/table";
import { tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { rulesOf } from "../../services/budget";
import { send } from "../../services/http";
import { useRead, useRefresh } from "../../services/query";
import type { ClientToken, Limits, List, TokenGroup } from "../../services/types";
import { useText, useWords } from "../../text";
import { BudgetBar } from "./budget-bar";
import { words as both } from "./text";

const numberOf = (text: string) => (text.trim() === "" ? null : Number.isFinite(Number(text)) ? Number(text) : text.trim());
const shown = (value: number | null | undefined) => (value == null ? "" : String(value));

function GroupForm({ group, onClose }: { group?: TokenGroup; onClose: () => void }) {
  const { text } = useText();
  const { form, groupForm, windows } = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();
  const id = useId();
  const [name, setName] = useState(group?.name ?? "");
  const [budget, setBudget] = useState(group?.budget?.limit ?? "");
  const [window, setWindow] = useState<string>(group?.budget?.window ?? "month");
  const [rpm, setRpm] = useState(shown(group?.limits.rpm));
  const [tpm, setTpm] = useState(shown(group?.limits.tpm));
  const [concurrency, setConcurrency] = useState(shown(group?.limits.concurrency));
  const [problem, setProblem] = useState<string>();

  async function submit(event: FormEvent) {
    event.preventDefault();
    const limit = budget.trim().replace(/^\$/, "");
    const zone = group?.budget?.zone ?? Intl.DateTimeFormat().resolvedOptions().timeZone;
    const body = {
      name: name.trim(),
      limits: { rpm: numberOf(rpm), tpm: numberOf(tpm), concurrency: numberOf(concurrency) },
      budget: limit ? { ...rulesOf(group?.budget), zone, limit, window } : null,
    };
    try {
      await send(group ? `/api/groups/${group.id}` : "/api/groups", { method: group ? "PUT" : "POST", body });
      void refresh("/api/groups", "/api/tokens");
      tell(text.common.saved);
      onClose();
    } catch (error) {
      setProblem(told(error));
    }
  }

  const line = (label: string, value: string, set: (value: string) => void) => (
    <Field label={label}>
      <Input value={value} autoComplete="off" onChange={(event) => set(event.target.value)} />
    </Field>
  );
  const footer = (
    <>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type="primary" htmlType="submit" form={id}>{text.common.save}</Button>
    </>
  );
  return (
    <Dialog title={group ? groupForm.editTitle(group.name) : groupForm.newTitle} size="small" onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={(event) => void submit(event)}>
        {line(text.common.name, name, setName)}
        <div className="form-row">
          {line(form.budget, budget, setBudget)}
          <Field label={form.window}>
            <Select value={window} onChange={setWindow} options={Object.entries(windows).map(([value, label]) => ({ value, label }))} />
          </Field>
        </div>
        <div className="form-row">
          {line(form.rpm, rpm, setRpm)}
          {line(form.tpm, tpm, setTpm)}
          {line(form.concurrency, concurrency, setConcurrency)}
        </div>
        {problem && <p className="problem" role="alert">{problem}</p>}
      </form>
    </Dialog>
  );
}

function LimitsText({ limits: { rpm, tpm, concurrency } }: { limits: Limits }) {
  const { format } = useText();
  const words = useWords(both);
  const said = [
    rpm !== null && words.perMinute(format.whole(rpm)),
    tpm !== null && words.tokensPerMinute(format.whole(tpm)),
    concurrency !== null && words.atATime(format.whole(concurrency)),
  ].filter(Boolean);
  return said.length > 0 ? said.join(", ") : <span className="soft">{words.noLimits}</span>;
}

type Open = { what: "new" } | { what: "edit" | "delete"; group: TokenGroup };

export function Groups({ tokens }: { tokens: readonly ClientToken[] }) {
  const { text, format } = useText();
  const words = useWords(both);
  const { mayChange } = useAccess();
  const refresh = useRefresh();
  const [open, setOpen] = useState<Open>();
  const { data } = useRead<List<TokenGroup>>("/api/groups", { every: 10_000 });
  // An older server has no groups.
  if (!data) return null;
  const close = () => setOpen(undefined);
  const members = ({ id }: TokenGroup) => tokens.filter(({ group_id }) => group_id === id);
  const columns: Column<TokenGroup>[] = [
    { id: "name", title: text.common.name, head: true, by: ({ name }) => name, cell: ({ name }) => <strong className="inert">{name}</strong> },
    { id: "budget", title: words.budget, cell: ({ budget }) => <BudgetBar budget={budget} /> },
    { id: "limits", title: words.limits, cell: ({ limits }) => <LimitsText limits={limits} /> },
    { id: "members", title: words.members, by: (group) => members(group).length, cell: (group) => <span className="inert">{members(group).map(({ name }) => name).join(", ") || format.whole(0)}</span> },
    {
      id: "actions",
      title: text.common.actions,
      cell: (group) =>
        mayChange && (
          <div className="bar">
            <Button size="small" onClick={() => setOpen({ what: "edit", group })}>{words.edit}</Button>
            <Button size="small" danger onClick={() => setOpen({ what: "delete", group })}>{words.remove}</Button>
          </div>
        ),
    },
  ];
  return (
    <Panel flush title={words.groups} note={words.groupsNote} actions={mayChange && <Button onClick={() => setOpen({ what: "new" })}>{words.addGroup}</Button>}>
      {data.items.length > 0 && <DataTable label={words.groups} columns={columns} rows={data.items} id={({ id }) => id} nameOf={({ name }) => name} />}
      {open?.what === "new" && <GroupForm onClose={close} />}
      {open?.what === "edit" && <GroupForm group={open.group} onClose={close} />}
      {open?.what === "delete" && (
        <Confirm title={words.removeGroupTitle(open.group.name)} action={words.remove} onClose={close} onConfirm={() => send(`/api/groups/${open.group.id}`, { method: "DELETE" }).then(() => refresh("/api/groups", "/api/tokens"))}>
          {words.removeGroupText}
        </Confirm>
      )}
    </Panel>
  );
}
