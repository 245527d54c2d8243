// Adds a rule, or changes one.

import { Button, Checkbox, Input, Switch } from "antd";
import { type FormEvent, useId, useState } from "react";
import { Drawer } from "../../components/dialog";
import { Field, Select } from "../../components/field";
import { tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { ApiError, send } from "../../services/http";
import { useRefresh } from "../../services/query";
import { useText, useWords } from "../../text";
import type { Channel } from "./channel";
import { type AlertRule, blankRule, bodyOf, type Kind, KINDS, type RuleValues, SEVERITIES, type Severity, SPLITS, THRESHOLDS, valuesOf } from "./rule";
import { words as both } from "./text";

interface FieldProps {
  values: RuleValues;
  set: (change: Partial<RuleValues>) => void;
  problem: (name: string) => string | undefined;
}

interface LineProps extends FieldProps {
  name: { [Name in keyof RuleValues]: RuleValues[Name] extends string ? Name : never }[keyof RuleValues];
  label: string;
  hint?: string | undefined;
  /** What the server calls it. */
  field?: string;
  placeholder?: string | undefined;
  type?: string;
}

function Line({ values, set, problem, name, label, hint, field = name, ...rest }: LineProps) {
  return (
    <Field label={label} hint={hint} problem={problem(field)}>
      <Input autoComplete="off" value={values[name]} onChange={(event) => set({ [name]: event.target.value })} {...rest} />
    </Field>
  );
}

/** When it is bad, and when it is good again. */
function Level(props: FieldProps) {
  const { form } = useWords(both);
  const scale = THRESHOLDS[props.values.kind];
  if (!scale) return null;
  return (
    <div className="form-row">
      <Line {...props} name="threshold" label={form.threshold} hint={form.units[scale.unit]} placeholder={scale.usual} />
      <Line {...props} name="clear" field="clear_at" label={form.clear} hint={form.clearHint} />
    </div>
  );
}

function Errors({ values, set, problem }: FieldProps) {
  const { form } = useWords(both);
  if (values.kind !== "error_rate") return null;
  return (
    <div className="form-row">
      <Field label={form.split} problem={problem("split_by")}>
        <Select value={values.split} onChange={(split) => set({ split })} options={SPLITS.map((value) => ({ value, label: form.splits[value] ?? value }))} />
      </Field>
      <Line {...{ values, set, problem }} name="window" field="window_minutes" label={form.window} placeholder="5" />
      <Line {...{ values, set, problem }} name="least" field="least_calls" label={form.least} placeholder="20" />
    </div>
  );
}

function Quiet(props: FieldProps) {
  const { form } = useWords(both);
  const { values, set } = props;
  const id = useId();
  return (
    <>
      <div className="switch-row">
        <Switch id={id} checked={values.quiet} aria-label={form.quiet} onChange={(quiet) => set({ quiet })} />
        <label htmlFor={id}>{form.quiet}</label>
      </div>
      {values.quiet && (
        <>
          <p className="soft small">{form.quietHint}</p>
          <div className="form-row">
            <Line {...props} name="from" label={form.from} type="time" />
            <Line {...props} name="to" label={form.to} type="time" />
            <Line {...props} name="zone" field="quiet_hours" label={form.zone} />
          </div>
        </>
      )}
    </>
  );
}

function Told({ values, set, channels }: Pick<FieldProps, "values" | "set"> & { channels: readonly Channel[] }) {
  const { form } = useWords(both);
  const toggle = (id: number, on: boolean) => set({ channels: on ? [...values.channels, id] : values.channels.filter((other) => other !== id) });
  if (channels.length === 0) return null;
  return (
    <fieldset className="told">
      <legend>{form.channels}</legend>
      {channels.map(({ id, name }) => (
        <Checkbox key={id} checked={values.channels.includes(id)} onChange={(event) => toggle(id, event.target.checked)}>
          <span className="inert">{name}</span>
        </Checkbox>
      ))}
    </fieldset>
  );
}

function Fields({ channels, ...props }: FieldProps & { channels: readonly Channel[] }) {
  const { form, kinds, kindHints, severities } = useWords(both);
  const { values, set, problem } = props;
  return (
    <>
      <Field label={form.kind} hint={kindHints[values.kind]} problem={problem("kind")}>
        <Select value={values.kind} onChange={(kind) => set({ kind: kind as Kind })} options={KINDS.map((value) => ({ value, label: kinds[value] ?? value }))} />
      </Field>
      <Line {...props} name="name" label={form.name} placeholder={kinds[values.kind]} />
      <Level {...props} />
      <Errors {...props} />
      <Field label={form.severity}>
        <Select value={values.severity} onChange={(severity) => set({ severity: severity as Severity })} options={SEVERITIES.map((value) => ({ value, label: severities[value] ?? value }))} />
      </Field>
      <Told values={values} set={set} channels={channels} />
      <div className="form-row">
        <Line {...props} name="patience" field="for_seconds" label={form.patience} hint={form.patienceHint} />
        <Line {...props} name="repeat" field="repeat_seconds" label={form.repeat} hint={form.repeatHint} />
      </div>
      <Quiet {...props} />
      <Field label={form.only} hint={form.onlyHint} problem={problem("only")}>
        <Input.TextArea rows={2} value={values.only} onChange={(event) => set({ only: event.target.value })} />
      </Field>
    </>
  );
}

const SHOWN = ["kind", "name", "threshold", "clear_at", "split_by", "window_minutes", "least_calls", "for_seconds", "repeat_seconds", "quiet_hours", "only"];

export function RuleForm({ rule, channels, onClose }: { rule?: AlertRule; channels: readonly Channel[]; onClose: () => void }) {
  const { text } = useText();
  const { form, kinds } = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();
  const id = useId();
  const [values, setValues] = useState(() => (rule ? valuesOf(rule) : { ...blankRule(), channels: channels.map(({ id }) => id) }));
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const field = error instanceof ApiError ? error.complaint.field : undefined;
  const problem = (name: string) => (field === name ? told(error) : undefined);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    // Who gives no name means that of the kind.
    const named = { ...values, name: values.name.trim() || (kinds[values.kind] ?? values.kind) };
    try {
      await send(rule ? `/api/alerts/rules/${rule.id}` : "/api/alerts/rules", { method: rule ? "PUT" : "POST", body: bodyOf(named) });
      void refresh("/api/alerts");
      tell(text.common.saved);
      onClose();
    } catch (error) {
      setError(error);
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
    <Drawer title={rule ? form.editTitle(rule.name) : form.newTitle} onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={(event) => void submit(event)}>
        <Fields values={values} set={(change) => setValues((values) => ({ ...values, ...change }))} problem={problem} channels={channels} />
        {error !== undefined && !SHOWN.includes(field ?? "") && <p className="problem" role="alert">{told(error)}</p>}
      </form>
    </Drawer>
  );
}
