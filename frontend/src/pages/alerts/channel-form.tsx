// Adds a channel, or changes one. What is secret goes in and never comes back.

import { Button, Input } from "antd";
import { type FormEvent, useId, useState } from "react";
import { Drawer } from "../../components/dialog";
import { Field, Select } from "../../components/field";
import { tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { ApiError, send } from "../../services/http";
import { useRefresh } from "../../services/query";
import { useText, useWords } from "../../text";
import { blankChannel, type Channel, channelBody, channelValues, placeOf, type Service, type ServiceField } from "./channel";
import { words as both } from "./text";

/** What can be chosen where not everything can be typed. */
const OPTIONS: Record<string, readonly string[]> = { security: ["starttls", "tls", "none"] };

interface OneProps {
  field: ServiceField;
  value: string;
  /** Whether something is stored that stays when nothing is typed. */
  isKept: boolean;
  problem: string | undefined;
  onChange: (typed: string) => void;
}

function One({ field, value, isKept, problem, onChange }: OneProps) {
  const { text } = useText();
  const { channelForm: words } = useWords(both);
  const { name, secret, needed } = field;
  const options = OPTIONS[name];
  const label = `${words.fields[name] ?? name}${needed || isKept ? "" : ` (${text.common.optional})`}`;
  const hint = isKept ? words.keep : name === "template" ? words.template : undefined;
  const given = { value, autoComplete: "off", onChange: (event: { target: { value: string } }) => onChange(event.target.value) };
  return (
    <Field label={label} hint={hint} problem={problem}>
      {options ? (
        <Select value={value || (options[0] ?? "")} onChange={onChange} options={options.map((value) => ({ value, label: words.options[value] ?? value }))} />
      ) : name === "template" ? (
        <Input.TextArea rows={3} className="code" {...given} />
      ) : secret ? (
        <Input.Password {...given} autoComplete="new-password" />
      ) : (
        <Input {...given} />
      )}
    </Field>
  );
}

interface Props {
  channel?: Channel;
  services: readonly Service[];
  onClose: () => void;
}

export function ChannelForm({ channel, services, onClose }: Props) {
  const { text } = useText();
  const { channelForm: words } = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();
  const id = useId();
  const [values, setValues] = useState(() => (channel ? channelValues(channel) : blankChannel));
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const service = services.find(({ kind }) => kind === values.kind);
  const fields = service?.fields ?? [];
  const title = service?.title ?? values.kind;
  const named = error instanceof ApiError ? error.complaint.field : undefined;
  const isShown = named === "name" || fields.some((field) => placeOf(field) === named);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    // Who gives no name means that of the service.
    const named = { ...values, name: values.name.trim() || title };
    try {
      await send(channel ? `/api/alerts/channels/${channel.id}` : "/api/alerts/channels", { method: channel ? "PUT" : "POST", body: channelBody(named, fields, channel) });
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
    <Drawer title={channel ? words.editTitle(channel.name) : words.newTitle} onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={(event) => void submit(event)}>
        {!channel && (
          <Field label={words.service}>
            <Select value={values.kind} onChange={(kind) => setValues({ ...values, kind, texts: {} })} options={services.map(({ kind, title }) => ({ value: kind, label: title }))} />
          </Field>
        )}
        <Field label={words.name} problem={named === "name" ? told(error) : undefined}>
          <Input value={values.name} autoComplete="off" placeholder={title} onChange={(event) => setValues({ ...values, name: event.target.value })} />
        </Field>
        {fields.map((field) => (
          <One
            key={field.name}
            field={field}
            value={values.texts[field.name] ?? ""}
            isKept={!!channel?.secrets.includes(field.name)}
            problem={placeOf(field) === named ? told(error) : undefined}
            onChange={(typed) => setValues((values) => ({ ...values, texts: { ...values.texts, [field.name]: typed } }))}
          />
        ))}
        {error !== undefined && !isShown && <p className="problem" role="alert">{told(error)}</p>}
      </form>
    </Drawer>
  );
}
