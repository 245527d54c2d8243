// Who may come in, and what they may do.

import { Button, Input, Switch } from "antd";
import { type FormEvent, useId, useState } from "react";
import { type Role, useAccess } from "../../access/session";
import { Confirm } from "../../components/confirm";
import { Dialog } from "../../components/dialog";
import { Field, Select } from "../../components/field";
import { Panel, Waiting } from "../../components/page";
import { Badge, Tag } from "../../components/state";
import { type Column, DataTable } from "../../components/table";
import { tell } from "../../components/toast";
import { isAbsent, Trouble, useTroubleText } from "../../components/trouble";
import { Ago } from "../../components/when";
import { send } from "../../services/http";
import { useRead, useRefresh } from "../../services/query";
import type { List, SetupState, User } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

const ROLES: Role[] = ["admin", "operator", "viewer"];

function UserForm({ user, onClose }: { user?: User; onClose: () => void }) {
  const { text } = useText();
  const words = useWords(both);
  const { userForm: form } = words;
  const told = useTroubleText();
  const refresh = useRefresh();
  const [id, switchId] = [useId(), useId()];
  const [username, setUsername] = useState(user?.username ?? "");
  const [password, setPassword] = useState("");
  const [role, setRole] = useState<string>(user?.role ?? "viewer");
  const [enabled, setEnabled] = useState(user?.enabled ?? true);
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  const elsewhere = useRead<SetupState>("/api/auth/state").data?.oidc;

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    // Somebody new without a password is one who signs in elsewhere.
    const secret = password ? { password } : !user && elsewhere ? { password: null } : {};
    const body = { username: username.trim(), role, enabled, ...secret };
    try {
      await send(user ? `/api/users/${user.id}` : "/api/users", { method: user ? "PUT" : "POST", body });
      void refresh("/api/users");
      tell(text.common.saved);
      onClose();
    } catch (error) {
      setProblem(told(error));
      setBusy(false);
    }
  }

  const footer = (
    <>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type="primary" htmlType="submit" form={id} loading={busy}>{text.common.save}</Button>
    </>
  );
  return (
    <Dialog title={user ? form.editTitle(user.username) : form.newTitle} size="small" onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={(event) => void submit(event)}>
        <Field label={words.username}>
          <Input autoComplete="off" value={username} onChange={(event) => setUsername(event.target.value)} />
        </Field>
        <Field label={form.password} hint={user ? form.keepPassword : elsewhere ? form.orElsewhere(elsewhere) : form.passwordHint}>
          <Input.Password autoComplete="new-password" value={password} onChange={(event) => setPassword(event.target.value)} />
        </Field>
        <Field label={words.role} hint={words.roleHints[role]}>
          <Select value={role} onChange={setRole} options={ROLES.map((value) => ({ value, label: words.roles[value] ?? value }))} />
        </Field>
        <div className="switch-row">
          <Switch id={switchId} checked={enabled} aria-label={form.enabled} onChange={setEnabled} />
          <label htmlFor={switchId}>{form.enabled}</label>
        </div>
        {problem && <p className="problem" role="alert">{problem}</p>}
      </form>
    </Dialog>
  );
}

type Open = { what: "new" } | { what: "edit" | "delete"; user: User };

function useColumns(me: string, onOpen: (open: Open) => void): Column<User>[] {
  const { text } = useText();
  const words = useWords(both);
  return [
    {
      id: "name",
      title: words.username,
      head: true,
      by: ({ username }) => username,
      cell: ({ username, enabled }) => (
        <>
          <strong className="inert">{username}</strong> {username === me && <Tag>{words.you}</Tag>} {!enabled && <Badge mood="idle">{words.isOff}</Badge>}
        </>
      ),
    },
    { id: "role", title: words.role, by: ({ role }) => role, cell: ({ role }) => words.roles[role] ?? role },
    { id: "last", title: words.lastLogin, by: ({ last_login: at }) => (at ? Date.parse(at) : null), cell: ({ last_login: at }) => (at ? <Ago at={at} /> : <span className="soft">{text.common.never}</span>) },
    {
      id: "actions",
      title: text.common.actions,
      cell: (user) => (
        <div className="bar">
          <Button size="small" onClick={() => onOpen({ what: "edit", user })}>{words.edit}</Button>
          <Button size="small" danger disabled={user.username === me} onClick={() => onOpen({ what: "delete", user })}>{words.remove}</Button>
        </div>
      ),
    },
  ];
}

export function Users() {
  const words = useWords(both);
  const access = useAccess();
  const refresh = useRefresh();
  const [open, setOpen] = useState<Open>();
  const { data, error, refetch } = useRead<List<User>>("/api/users");
  const columns = useColumns(access.byToken ? "" : access.user.username, setOpen);
  const close = () => setOpen(undefined);
  if (isAbsent(error)) return null;
  return (
    <Panel flush title={words.users} actions={<Button type="primary" onClick={() => setOpen({ what: "new" })}>{words.addUser}</Button>}>
      {error && <Trouble error={error} again={() => void refetch()} />}
      {data ? <DataTable label={words.users} columns={columns} rows={data.items} id={({ id }) => id} nameOf={({ username }) => username} /> : !error && <Waiting />}
      {open?.what === "new" && <UserForm onClose={close} />}
      {open?.what === "edit" && <UserForm user={open.user} onClose={close} />}
      {open?.what === "delete" && (
        <Confirm title={words.removeTitle(open.user.username)} action={words.remove} onClose={close} onConfirm={() => send(`/api/users/${open.user.id}`, { method: "DELETE" }).then(() => refresh("/api/users"))}>
          {words.removeText}
        </Confirm>
      )}
    </Panel>
  );
}
