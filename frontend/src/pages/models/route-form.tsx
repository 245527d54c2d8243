// Adds a route, or changes one.

import CloseOutlined from "@ant-design/icons/CloseOutlined";
import { Button, Input, Switch } from "antd";
import { type FormEvent, useId, useState } from "react";
import { Drawer } from "../../components/dialog";
import { Field, Select } from "../../components/field";
import { tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { ApiError, send } from "../../services/http";
import { useRead, useRefresh } from "../../services/query";
import type { Candidate, List, Provider, Route } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

/** A candidate as it is typed, with a name of its own for as long as the form is open. */
interface Line {
  id: number;
  model: string;
  provider: string;
  tier: string;
  weight: string;
}

let last = 0;
const lineOf = ({ model, provider, tier, weight }: Candidate): Line => ({ id: (last += 1), model, provider: provider ?? "", tier: String(tier), weight: String(weight) });
const blank = (tier = 0): Line => lineOf({ model: "", provider: null, tier, weight: 1 });

const numberOf = (text: string) => (Number.isInteger(Number(text)) && text.trim() !== "" ? Number(text) : text);

/** What the server gets; lines without a model are left out. */
const candidatesOf = (lines: readonly Line[]) =>
  lines
    .filter(({ model }) => model.trim() !== "")
    .map(({ model, provider, tier, weight }) => ({ model: model.trim(), provider: provider || null, tier: numberOf(tier), weight: numberOf(weight) }));

interface LineProps {
  line: Line;
  providers: readonly Provider[];
  names: string;
  onChange: (change: Partial<Line>) => void;
  onDrop: () => void;
}

function CandidateLine({ line, providers, names, onChange, onDrop }: LineProps) {
  const { form } = useWords(both);
  const options = [{ value: "", label: form.anyProvider }, ...providers.map(({ id, name }) => ({ value: id, label: name }))];
  return (
    <div className="candidate">
      <Field label={form.model}>
        <Input value={line.model} list={names} onChange={(event) => onChange({ model: event.target.value })} />
      </Field>
      <Field label={form.provider}>
        <Select value={line.provider} onChange={(provider) => onChange({ provider })} options={options} />
      </Field>
      <Field label={form.tier}>
        <Input inputMode="numeric" value={line.tier} onChange={(event) => onChange({ tier: event.target.value })} />
      </Field>
      <Field label={form.weight}>
        <Input inputMode="numeric" value={line.weight} onChange={(event) => onChange({ weight: event.target.value })} />
      </Field>
      <Button type="text" icon={<CloseOutlined />} aria-label={form.drop} title={form.drop} onClick={onDrop} />
    </div>
  );
}

interface Props {
  route?: Route;
  names: readonly string[];
  onClose: () => void;
}

export function RouteForm({ route, names, onClose }: Props) {
  const { text } = useText();
  const { form, strategies } = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();
  const [id, list, strictId] = [useId(), useId(), useId()];
  const providers = useRead<List<Provider>>("/api/providers").data?.items ?? [];
  const [alias, setAlias] = useState(route?.model ?? "");
  const [strategy, setStrategy] = useState<string>(route?.strategy ?? "weighted");
  const [strict, setStrict] = useState(route?.strict_translation ?? false);
  const [lines, setLines] = useState(() => (route ? route.candidates.map(lineOf) : [blank()]));
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setBusy(true);
    const body = { model: alias.trim(), strategy, strict_translation: strict, candidates: candidatesOf(lines) };
    try {
      await send(route ? `/api/routes/${route.id}` : "/api/routes", { method: route ? "PUT" : "POST", body });
      void refresh("/api/routes", "/api/models");
      tell(text.common.saved);
      onClose();
    } catch (error) {
      setError(error);
      setBusy(false);
    }
  }

  const change = (id: number, change: Partial<Line>) => setLines((lines) => lines.map((line) => (line.id === id ? { ...line, ...change } : line)));
  const field = error instanceof ApiError ? error.complaint.field : undefined;
  const footer = (
    <>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type="primary" htmlType="submit" form={id} loading={busy}>{text.common.save}</Button>
    </>
  );
  return (
    <Drawer title={route ? form.editTitle(route.model) : form.newTitle} onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={(event) => void submit(event)}>
        <Field label={form.alias} problem={field === "model" ? told(error) : undefined}>
          <Input value={alias} autoFocus onChange={(event) => setAlias(event.target.value)} />
        </Field>
        <Field label={form.strategy}>
          <Select value={strategy} onChange={setStrategy} options={Object.entries(strategies).map(([value, label]) => ({ value, label }))} />
        </Field>
        <h3>{form.candidates}</h3>
        <p className="soft small">{form.candidatesHint}</p>
        <datalist id={list}>
          {names.map((name) => (
            <option key={name} value={name}>{name}</option>
          ))}
        </datalist>
        {lines.map((line) => (
          <CandidateLine key={line.id} line={line} providers={providers} names={list} onChange={(now) => change(line.id, now)} onDrop={() => setLines(lines.filter(({ id }) => id !== line.id))} />
        ))}
        <Button onClick={() => setLines([...lines, blank(lines.length)])}>{form.add}</Button>
        <div className="switch-row">
          <Switch id={strictId} checked={strict} aria-label={form.strict} onChange={setStrict} />
          <label htmlFor={strictId}>{form.strict}</label>
        </div>
        {error !== undefined && field !== "model" && <p className="problem" role="alert">{told(error)}</p>}
      </form>
    </Drawer>
  );
}
