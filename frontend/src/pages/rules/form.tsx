// Adds a rule, or changes one; before that it can be tried on what has happened.

import { Button, Input, Switch } from "antd";
import { type FormEvent, useId, useState } from "react";
import { Drawer } from "../../components/dialog";
import { Field, Select } from "../../components/field";
import { useVerdictText } from "../../components/reason";
import { tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { ApiError, send } from "../../services/http";
import { useRead, useRefresh } from "../../services/query";
import type { List, Provider, RuleTrial } from "../../services/types";
import { useText, useWords } from "../../text";
import { blank, bodyOf, type Rule, type RuleValues, VERDICTS, valuesOf } from "./rule";
import { words as both } from "./text";
import { TrialReport } from "./trial";

type TextName = Exclude<keyof RuleValues, "enabled" | "fixed">;

interface FieldProps {
  values: RuleValues;
  set: (change: Partial<RuleValues>) => void;
  problem: (name: string) => string | undefined;
}

interface LineProps extends FieldProps {
  name: TextName;
  as?: string;
  label: string;
  hint?: string;
  rows?: number;
}

function Line({ values, set, problem, name, as = name, label, hint, rows }: LineProps) {
  const given = { value: values[name], onChange: (event: { target: { value: string } }) => set({ [name]: event.target.value }) };
  return (
    <Field label={label} hint={hint} problem={problem(as)}>
      {rows ? <Input.TextArea rows={rows} {...given} /> : <Input autoComplete="off" {...given} />}
    </Field>
  );
}

function Flag({ label, checked, onChange }: { label: string; checked: boolean; onChange: (checked: boolean) => void }) {
  const id = useId();
  return (
    <div className="switch-row">
      <Switch id={id} checked={checked} aria-label={label} onChange={onChange} />
      <label htmlFor={id}>{label}</label>
    </div>
  );
}

function Fields(fields: FieldProps) {
  const { everyProvider, form } = useWords(both);
  const told = useVerdictText();
  const providers = useRead<List<Provider>>("/api/providers").data?.items ?? [];
  const { values, set } = fields;
  return (
    <>
      <Line {...fields} name="name" label={form.name} />
      <Field label={form.provider}>
        <Select value={values.provider} onChange={(provider) => set({ provider })} options={[{ value: "", label: everyProvider }, ...providers.map(({ id, name }) => ({ value: id, label: name }))]} />
      </Field>
      <Line {...fields} name="status" label={form.status} hint={form.statusHint} />
      <Line {...fields} name="code" label={form.code} hint={form.codeHint} />
      <Line {...fields} name="text" label={form.text} hint={form.textHint} rows={3} />
      <Field label={form.verdict}>
        <Select value={values.verdict} onChange={(verdict) => set({ verdict })} options={VERDICTS.map((value) => ({ value, label: told(value) }))} />
      </Field>
      <div className="form-row">
        <Line {...fields} name="wait" as="wait_seconds" label={form.wait} hint={form.waitHint} />
        <Line {...fields} name="position" label={form.position} hint={form.positionHint} />
      </div>
      <Flag label={form.fixed} checked={values.fixed} onChange={(fixed) => set({ fixed })} />
      <Flag label={form.enabled} checked={values.enabled} onChange={(enabled) => set({ enabled })} />
    </>
  );
}

export function RuleForm({ rule, onClose }: { rule?: Rule; onClose: () => void }) {
  const { text } = useText();
  const { form } = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();
  const id = useId();
  const [values, setValues] = useState(() => (rule ? valuesOf(rule) : blank));
  const [error, setError] = useState<unknown>();
  const [trial, setTrial] = useState<RuleTrial>();

  async function attempt(work: () => Promise<void>) {
    setError(undefined);
    await work().catch(setError);
  }

  const tryIt = () =>
    attempt(async () => {
      const body = { rule: bodyOf(values), ...(rule && { replaces: rule.id }) };
      setTrial(await send<RuleTrial>("/api/rules/dry-run", { method: "POST", body }));
    });

  const save = (event: FormEvent) => {
    event.preventDefault();
    void attempt(async () => {
      await send(rule ? `/api/rules/${rule.id}` : "/api/rules", { method: rule ? "PUT" : "POST", body: bodyOf(values) });
      void refresh("/api/rules");
      tell(text.common.saved);
      onClose();
    });
  };

  const field = error instanceof ApiError ? error.complaint.field : undefined;
  const fields: FieldProps = {
    values,
    set: (change) => setValues((values) => ({ ...values, ...change })),
    problem: (name) => (field === name ? told(error) : undefined),
  };
  const footer = (
    <>
      <Button onClick={() => void tryIt()}>{form.try}</Button>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type="primary" htmlType="submit" form={id}>{text.common.save}</Button>
    </>
  );
  return (
    <Drawer title={rule ? form.editTitle(rule.name) : form.newTitle} onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={save}>
        <Fields {...fields} />
        {error !== undefined && <p className="problem" role="alert">{told(error)}</p>}
      </form>
      {trial && <TrialReport trial={trial} />}
    </Drawer>
  );
}
