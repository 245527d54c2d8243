// Adds a key, or changes one.

import { Button, Input } from "antd";
import { type FormEvent, useId, useState } from "react";
import { Drawer } from "../../components/dialog";
import { Field, Select } from "../../components/field";
import { tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { ApiError, send } from "../../services/http";
import { useRead, useRefresh } from "../../services/query";
import type { Key, List, Provider } from "../../services/types";
import { useText, useWords } from "../../text";
import { blank, changed, type KeyValues, valuesOf } from "./form-values";
import { guess } from "./import/parse";
import { words as tokenWords } from "../tokens/text";
import { words as both } from "./text";

interface FieldProps {
  values: KeyValues;
  onChange: (name: keyof KeyValues, value: string) => void;
  problem: (name: string) => string | undefined;
}

interface LineProps extends FieldProps {
  name: keyof KeyValues;
  label: string;
  hint?: string;
  rows?: number;
}

/** One field of text, or some lines of it. */
function Line({ values, onChange, problem, name, label, hint, rows }: LineProps) {
  const given = { value: values[name], onChange: (event: { target: { value: string } }) => onChange(name, event.target.value) };
  return (
    <Field label={label} hint={hint} problem={problem(name)}>
      {rows ? <Input.TextArea rows={rows} {...given} /> : <Input autoComplete="off" {...given} />}
    </Field>
  );
}

function Basics({ isNew, providers, ...fields }: FieldProps & { isNew: boolean; providers: Provider[] }) {
  const { form } = useWords(both);
  const { values, onChange, problem } = fields;

  function takeKey(key: string) {
    onChange("api_key", key);
    const provider = guess(key);
    if (isNew && provider) onChange("provider", provider);
  }

  return (
    <>
      <Line {...fields} name="name" label={form.name} />
      <Field label={form.apiKey} hint={isNew ? undefined : form.keepKey} problem={problem("api_key")}>
        <Input.Password autoComplete="off" value={values.api_key} onChange={(event) => takeKey(event.target.value.trim())} />
      </Field>
      <Field label={form.provider} problem={problem("provider")}>
        <Select
          value={values.provider}
          onChange={(provider) => onChange("provider", provider)}
          options={providers.map(({ id, name }) => ({ value: id, label: name }))}
        />
      </Field>
      <Line {...fields} name="base_url" label={form.baseUrl} hint={form.baseUrlHint} />
      <Line {...fields} name="tags" label={form.tags} hint={form.tagsHint} />
      <Line {...fields} name="memo" label={form.memo} rows={2} />
    </>
  );
}

function More(fields: FieldProps) {
  const { form } = useWords(both);
  const { windows } = useWords(tokenWords);
  return (
    <>
      <details open>
        <summary>{form.routing}</summary>
        <div className="form-row">
          <Line {...fields} name="priority" label={form.priority} hint={form.priorityHint} />
          <Line {...fields} name="weight" label={form.weight} hint={form.weightHint} />
        </div>
        <Line {...fields} name="models" label={form.models} hint={form.modelsHint} rows={2} />
        <Line {...fields} name="models_denied" label={form.denied} rows={2} />
      </details>
      <details>
        <summary>{form.limits}</summary>
        <div className="form-row">
          <Line {...fields} name="rpm" label={form.rpm} />
          <Line {...fields} name="tpm" label={form.tpm} />
          <Line {...fields} name="concurrency" label={form.concurrency} />
        </div>
        <Line {...fields} name="account" label={form.account} hint={form.accountHint} />
      </details>
      <details>
        <summary>{form.egress}</summary>
        <Line {...fields} name="proxy_ip" label={form.proxy} hint={form.proxyHint} />
        <Line {...fields} name="ua" label={form.ua} hint={form.uaHint} />
      </details>
      <details>
        <summary>{form.money}</summary>
        <div className="form-row">
          <Line {...fields} name="total_balance" label={form.totalBalance} hint={form.totalBalanceHint} />
          <Line {...fields} name="price_factor" label={form.priceFactor} hint={form.priceFactorHint} />
        </div>
        <div className="form-row">
          <Line {...fields} name="budget" label={form.budget} hint={form.budgetHint} />
          <Field label={form.window}>
            <Select value={fields.values.window} onChange={(window) => fields.onChange("window", window)} options={Object.entries(windows).map(([value, label]) => ({ value, label }))} />
          </Field>
        </div>
      </details>
    </>
  );
}

/** Sends what was typed, and keeps what the server says of it. */
function useSaving(entry: Key | undefined, onSaved: (key: Key) => void) {
  const refresh = useRefresh();
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  async function save(before: KeyValues, values: KeyValues) {
    setBusy(true);
    try {
      const key = entry
        ? await send<Key>(`/api/keys/${entry.id}`, { method: "PUT", body: changed(before, values, entry) })
        : await send<Key>("/api/keys", { method: "POST", body: { ...changed(blank, values), name: values.name.trim(), provider: values.provider } });
      void refresh("/api/keys", "/api/statistics");
      onSaved(key);
    } catch (error) {
      setError(error);
      setBusy(false);
    }
  }

  return { error, busy, save };
}

export function KeyForm({ entry, onClose }: { entry?: Key; onClose: () => void }) {
  const { text } = useText();
  const { form } = useWords(both);
  const told = useTroubleText();
  const id = useId();
  const providers = useRead<List<Provider>>("/api/providers").data?.items ?? [];
  const [before] = useState(() => (entry ? valuesOf(entry) : blank));
  const [values, setValues] = useState(before);
  const { error, busy, save } = useSaving(entry, (key) => {
    tell(entry ? text.common.saved : form.added(key.name));
    onClose();
  });

  const field = error instanceof ApiError ? error.complaint.field : undefined;
  const problem = (name: string) => (field === name ? told(error) : undefined);
  const onChange = (name: keyof KeyValues, value: string) => setValues((values) => ({ ...values, [name]: value }));
  const fields = { values, onChange, problem };
  const submit = (event: FormEvent) => {
    event.preventDefault();
    void save(before, values);
  };
  const footer = (
    <>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type="primary" htmlType="submit" form={id} loading={busy}>
        {entry ? text.common.save : form.newTitle}
      </Button>
    </>
  );
  return (
    <Drawer title={entry ? form.editTitle(entry.name) : form.newTitle} onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={submit}>
        <Basics isNew={!entry} providers={providers} {...fields} />
        <More {...fields} />
        {error !== undefined && (
          <p className="problem" role="alert">
            {told(error)}
          </p>
        )}
      </form>
    </Drawer>
  );
}
