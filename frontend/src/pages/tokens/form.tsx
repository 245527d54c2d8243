// Makes a token, or changes one.

import { Button, Input, Switch } from "antd";
import { type FormEvent, useId, useState } from "react";
import { Drawer } from "../../components/dialog";
import { Field, Select } from "../../components/field";
import { tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { ApiError, send } from "../../services/http";
import { useRead, useRefresh } from "../../services/query";
import type { ClientToken, List, TokenGroup } from "../../services/types";
import { useText, useWords } from "../../text";
import { blank, changed, type TokenValues, valuesOf } from "./form-values";
import { words as both } from "./text";

type TextName = Exclude<keyof TokenValues, "strict" | "hard">;

interface FieldProps {
  values: TokenValues;
  set: (change: Partial<TokenValues>) => void;
  problem: (name: string) => string | undefined;
}

interface LineProps extends FieldProps {
  name: TextName;
  /** The server's name of it. */
  as?: string;
  label: string;
  hint?: string;
  rows?: number;
  type?: string;
}

function Line({ values, set, problem, name, as = name, label, hint, rows, type = "text" }: LineProps) {
  const given = { value: values[name], onChange: (event: { target: { value: string } }) => set({ [name]: event.target.value }) };
  return (
    <Field label={label} hint={hint} problem={problem(as)}>
      {rows ? <Input.TextArea rows={rows} {...given} /> : <Input type={type} autoComplete="off" {...given} />}
    </Field>
  );
}

function Fields(fields: FieldProps) {
  const { form, windows } = useWords(both);
  const { values, set } = fields;
  const [strict, hard] = [useId(), useId()];
  // An older server has no groups.
  const groups = useRead<List<TokenGroup>>("/api/groups").data?.items ?? [];
  return (
    <>
      <Line {...fields} name="name" label={form.name} hint={form.nameHint} />
      <div className="form-row">
        <Line {...fields} name="budget" label={form.budget} hint={form.budgetHint} />
        <Field label={form.window}>
          <Select value={values.window} onChange={(window) => set({ window })} options={Object.entries(windows).map(([value, label]) => ({ value, label }))} />
        </Field>
      </div>
      {values.budget.trim() && (
        <div className="switch-row">
          <Switch id={hard} checked={values.hard} aria-label={form.hard} onChange={(hard) => set({ hard })} />
          <label htmlFor={hard}>
            {form.hard} <span className="soft small">{form.hardHint}</span>
          </label>
        </div>
      )}
      <Line {...fields} name="expires" as="expires_at" type="datetime-local" label={form.expires} hint={form.expiresHint} />
      <Line {...fields} name="models" label={form.models} hint={form.modelsHint} rows={3} />
      <details>
        <summary>{form.limits}</summary>
        <div className="form-row">
          <Line {...fields} name="rpm" as="limits" label={form.rpm} />
          <Line {...fields} name="tpm" label={form.tpm} />
          <Line {...fields} name="concurrency" label={form.concurrency} />
        </div>
        {groups.length > 0 && (
          <Field label={form.group} problem={fields.problem("group_id")}>
            <Select value={values.group} onChange={(group) => set({ group })} options={[{ value: "", label: form.noGroup }, ...groups.map(({ id, name }) => ({ value: String(id), label: name }))]} />
          </Field>
        )}
        <Line {...fields} name="ips" as="ip_allow" label={form.ips} hint={form.ipsHint} rows={2} />
        <div className="switch-row">
          <Switch id={strict} checked={values.strict} aria-label={form.strict} onChange={(strict) => set({ strict })} />
          <label htmlFor={strict}>{form.strict}</label>
        </div>
      </details>
      <Line {...fields} name="memo" label={form.memo} rows={2} />
    </>
  );
}

interface Props {
  token?: ClientToken;
  onSaved: (token: ClientToken) => void;
  onClose: () => void;
}

export function TokenForm({ token, onSaved, onClose }: Props) {
  const { text } = useText();
  const { form } = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();
  const id = useId();
  const [before] = useState(() => (token ? valuesOf(token) : blank));
  const [values, setValues] = useState(before);
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    try {
      const body = changed(before, values, token);
      const saved = token
        ? await send<ClientToken>(`/api/tokens/${token.id}`, { method: "PUT", body })
        : await send<ClientToken>("/api/tokens", { method: "POST", body });
      void refresh("/api/tokens");
      if (token) tell(text.common.saved);
      onSaved(saved);
    } catch (error) {
      setError(error);
      setBusy(false);
    }
  }

  const field = error instanceof ApiError ? error.complaint.field : undefined;
  const fields: FieldProps = {
    values,
    set: (change) => setValues((values) => ({ ...values, ...change })),
    problem: (name) => (field === name ? told(error) : undefined),
  };
  const footer = (
    <>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type="primary" htmlType="submit" form={id} loading={busy}>
        {token ? text.common.save : form.newTitle}
      </Button>
    </>
  );
  return (
    <Drawer title={token ? form.editTitle(token.name) : form.newTitle} onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={(event) => void submit(event)}>
        <Fields {...fields} />
        {error !== undefined && (
          <p className="problem" role="alert">
            {told(error)}
          </p>
        )}
      </form>
    </Drawer>
  );
}
