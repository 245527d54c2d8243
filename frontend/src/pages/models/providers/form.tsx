// Adds a provider of one's own, or changes one.

import { Button, Checkbox, Input, Switch } from "antd";
import { type FormEvent, useId, useState } from "react";
import { Drawer } from "../../../components/dialog";
import { Field, Select } from "../../../components/field";
import { tell } from "../../../components/toast";
import { useTroubleText } from "../../../components/trouble";
import { ApiError, send } from "../../../services/http";
import { useRefresh } from "../../../services/query";
import { useText, useWords } from "../../../text";
import { AUTHS, blankProvider, type Definition, FORMATS, type FormatName, providerBody, providerValues, type ProviderValues, USUAL_ROOT } from "./provider";
import { words as both } from "./text";

interface FieldProps {
  values: ProviderValues;
  set: (change: Partial<ProviderValues>) => void;
  problem: (name: string) => string | undefined;
}

/** Each format with its path, where it is spoken. */
function Spoken({ values: { roots }, set, problem }: FieldProps) {
  const { form } = useWords(both);
  function toggle(name: FormatName, on: boolean) {
    const { [name]: _, ...others } = roots;
    set({ roots: on ? { ...others, [name]: USUAL_ROOT } : others });
  }
  return (
    <fieldset className="told">
      <legend>{form.formats}</legend>
      {FORMATS.map((name) => (
        <div key={name} className="provider-format">
          <Checkbox checked={roots[name] !== undefined} onChange={(event) => toggle(name, event.target.checked)}>{form.names[name]}</Checkbox>
          {roots[name] !== undefined && <Input aria-label={form.root(form.names[name] ?? name)} value={roots[name]} onChange={(event) => set({ roots: { ...roots, [name]: event.target.value } })} />}
        </div>
      ))}
      {problem("formats") && <p className="problem" role="alert">{problem("formats")}</p>}
    </fieldset>
  );
}

function Fields({ isNew, ...props }: FieldProps & { isNew: boolean }) {
  const { form } = useWords(both);
  const { values, set, problem } = props;
  const optionalId = useId();
  return (
    <>
      {isNew && (
        <Field label={form.id} hint={form.idHint} problem={problem("id")}>
          <Input value={values.id} autoComplete="off" onChange={(event) => set({ id: event.target.value })} />
        </Field>
      )}
      <Field label={form.name} problem={problem("name")}>
        <Input value={values.name} autoComplete="off" onChange={(event) => set({ name: event.target.value })} />
      </Field>
      <Field label={form.baseUrl} hint={form.baseUrlHint} problem={problem("base_url")}>
        <Input value={values.baseUrl} autoComplete="off" onChange={(event) => set({ baseUrl: event.target.value })} />
      </Field>
      <Field label={form.auth} problem={problem("auth")}>
        <Select value={values.auth} onChange={(auth) => set({ auth })} options={AUTHS.map((value) => ({ value, label: form.auths[value] ?? value }))} />
      </Field>
      <Spoken {...props} />
      <Field label={form.models} hint={form.modelsHint} problem={problem("models")}>
        <Input.TextArea rows={3} value={values.models} onChange={(event) => set({ models: event.target.value })} />
      </Field>
      <Field label={form.headers} hint={form.headersHint} problem={problem("headers")}>
        <Input.TextArea rows={2} value={values.headers} onChange={(event) => set({ headers: event.target.value })} />
      </Field>
      <div className="switch-row">
        <Switch id={optionalId} checked={values.credentialOptional} aria-label={form.optional} onChange={(credentialOptional) => set({ credentialOptional })} />
        <label htmlFor={optionalId}>{form.optional}</label>
      </div>
    </>
  );
}

const SHOWN = ["id", "name", "base_url", "auth", "formats", "models", "headers"];

export function ProviderForm({ known, onClose }: { known?: Definition; onClose: () => void }) {
  const { text } = useText();
  const { form } = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();
  const id = useId();
  const [values, setValues] = useState(() => (known ? providerValues(known) : blankProvider));
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  // `formats.chat.root` is told with the formats.
  const field = error instanceof ApiError ? error.complaint.field?.split(/[.[]/)[0] : undefined;
  const problem = (name: string) => (field === name ? told(error) : undefined);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    try {
      const path = known ? `/api/providers/${encodeURIComponent(known.id)}` : "/api/providers";
      await send(path, { method: known ? "PUT" : "POST", body: providerBody(values, known) });
      void refresh("/api/providers", "/api/models");
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
    <Drawer title={known ? form.editTitle(known.name) : form.newTitle} onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={(event) => void submit(event)}>
        <Fields isNew={!known} values={values} set={(change) => setValues((values) => ({ ...values, ...change }))} problem={problem} />
        {error !== undefined && !SHOWN.includes(field ?? "") && <p className="problem" role="alert">{told(error)}</p>}
      </form>
    </Drawer>
  );
}
