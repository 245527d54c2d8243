// What a model costs now, did cost, and shall cost.

import { Button, Input } from "antd";
import { type FormEvent, useId, useState } from "react";
import { useAccess } from "../../access/session";
import { Drawer } from "../../components/dialog";
import { Field, Select } from "../../components/field";
import { Waiting } from "../../components/page";
import { Tag } from "../../components/state";
import "../../components/table.css";
import { complain, tell } from "../../components/toast";
import { Trouble, useTroubleText } from "../../components/trouble";
import { Moment } from "../../components/when";
import { ApiError, send } from "../../services/http";
import { useRead, useRefresh } from "../../services/query";
import type { List, Provider } from "../../services/types";
import { useText, useWords } from "../../text";
import { noRates, ownPrice, plain, priceBody, type PriceValues, ratesOf } from "./price";
import { words as both } from "./price-text";
import { CLASSES, modelPath, type OneModel, type PriceClass, type PricedModel, type PriceNow, type PriceRow, type Rates } from "./priced";

/** The rates of a price as rows: the usual ones, and those for long prompts, tiers and hours. */
function rowsOf(price: PriceNow, words: (typeof both)["en"], whole: (count: number) => string): { name: string; rates: Rates }[] {
  const { long_context: long = [], tiers = {}, off_peak: offPeak } = price;
  return [
    { name: "", rates: price },
    ...long.map((rates) => ({ name: words.above(whole(rates.above_input_tokens)), rates })),
    ...Object.entries(tiers).map(([tier, rates]) => ({ name: words.tiers[tier] ?? tier, rates })),
    ...(offPeak ? [{ name: words.offPeak, rates: offPeak }] : []),
  ];
}

function Now({ items }: { items: readonly PricedModel[] }) {
  const { format } = useText();
  const words = useWords(both);
  const priced = items.flatMap(({ provider, price }) => (price ? rowsOf(price, words, format.whole).map((row) => ({ ...row, provider, version: price.version })) : []));
  if (priced.length === 0) return <p className="soft">{words.unknown}</p>;
  return (
    // Wider than a phone it scrolls, and a keyboard must be able to do that.
    <div className="table-room" tabIndex={0} role="region" aria-label={words.now}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{words.provider}</th>
            {CLASSES.map((name) => <th key={name} scope="col" className="table-number">{words.classes[name]}</th>)}
          </tr>
        </thead>
        <tbody>
          {priced.map(({ provider, name, rates, version }) => (
            <tr key={`${provider} ${name}`}>
              <td className="table-head" title={version}>{provider ?? "—"} {name && <Tag>{name}</Tag>}</td>
              {CLASSES.map((part) => <td key={part} data-label={words.classes[part]} className="table-number">{rates[part] == null ? "—" : plain(rates[part])}</td>)}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What the form begins with: the own price, else the one in force. */
function firstValues(found: OneModel, provider: string): PriceValues {
  const own = ownPrice(found.history, provider || null);
  const inForce = found.items.find((item) => item.price && (!provider || item.provider === provider))?.price;
  return { ...noRates, ...ratesOf(own?.price ?? (inForce && Object.fromEntries(CLASSES.map((name) => [name, inForce[name]])))), provider, validFrom: "", note: "" };
}

function RateFields({ values, problem, onChange }: { values: Rates; problem: (name: string) => string | undefined; onChange: (name: PriceClass, typed: string) => void }) {
  const words = useWords(both);
  return (
    <div className="form-row">
      {CLASSES.map((name) => (
        <Field key={name} label={words.classes[name]} problem={problem(name)}>
          <Input inputMode="decimal" autoComplete="off" value={values[name]} onChange={(event) => onChange(name, event.target.value)} />
        </Field>
      ))}
    </div>
  );
}

function SetPrice({ found }: { found: OneModel }) {
  const words = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();
  const { text } = useText();
  const id = useId();
  const providers = useRead<List<Provider>>("/api/providers").data?.items ?? [];
  const [values, setValues] = useState(() => firstValues(found, ""));
  const [error, setError] = useState<unknown>();
  const [busy, setBusy] = useState(false);
  const set = (change: Partial<PriceValues>) => setValues((values) => ({ ...values, ...change }));
  const field = error instanceof ApiError ? error.complaint.field : undefined;
  const problem = (name: string) => (field === name || field === `price.${name}` ? told(error) : undefined);
  const own = ownPrice(found.history, values.provider || null);

  async function change(deed: () => Promise<unknown>, message: string) {
    setBusy(true);
    try {
      await deed();
      setError(undefined);
      tell(message);
    } catch (error) {
      setError(error);
      if (!(error instanceof ApiError && error.complaint.field)) complain(told(error));
    }
    setBusy(false);
    void refresh("/api/models");
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    void change(() => send(modelPath(found.model), { method: "PUT", body: priceBody(values, own?.price) }), text.common.saved);
  }

  const takeBack = () => change(() => send(modelPath(found.model), { method: "DELETE", query: { provider: values.provider } }), words.takenBack(found.model));
  const shownByField = CLASSES.some((name) => problem(name)) || problem("valid_from");
  return (
    <form id={id} className="form" onSubmit={submit}>
      <h3>{words.set}</h3>
      <p className="soft small">{words.setHint}</p>
      <div className="form-row">
        <Field label={words.provider}>
          <Select value={values.provider} onChange={(provider) => setValues(firstValues(found, provider))} options={[{ value: "", label: words.everyProvider }, ...providers.map(({ id, name }) => ({ value: id, label: name }))]} />
        </Field>
        <Field label={words.validFrom} hint={words.validHint} problem={problem("valid_from")}>
          <Input type="datetime-local" value={values.validFrom} onChange={(event) => set({ validFrom: event.target.value })} />
        </Field>
      </div>
      <RateFields values={values} problem={problem} onChange={(name, typed) => set({ [name]: typed })} />
      <Field label={words.note} hint={words.noteHint}>
        <Input value={values.note} autoComplete="off" onChange={(event) => set({ note: event.target.value })} />
      </Field>
      {error !== undefined && !shownByField && <p className="problem" role="alert">{told(error)}</p>}
      <div className="bar">
        <Button type="primary" htmlType="submit" loading={busy}>{words.save}</Button>
        {own?.price && <Button disabled={busy} onClick={() => void takeBack()}>{words.takeBack}</Button>}
      </div>
    </form>
  );
}

function Past({ row }: { row: PriceRow }) {
  const words = useWords(both);
  const rates = ratesOf(row.price);
  const told = CLASSES.filter((name) => rates[name]).map((name) => `${words.classes[name]} ${rates[name]}`);
  return (
    <li>
      <div>
        <Moment at={row.valid_from} /> <Tag>{words.origins[row.origin] ?? row.origin}</Tag> <span className="soft small">{row.provider ?? words.everyProvider} · {row.version}{row.who && ` · ${words.by(row.who)}`}</span>
      </div>
      <div>{row.price ? told.join(", ") : <span className="soft">{words.gone}</span>}</div>
      {(row.note || row.source) && <div className="soft small inert">{[row.source, row.note].filter(Boolean).join(" · ")}</div>}
    </li>
  );
}

export function PriceDrawer({ model, onClose }: { model: string; onClose: () => void }) {
  const words = useWords(both);
  const { mayChange } = useAccess();
  const { data, error } = useRead<OneModel>(modelPath(model));
  return (
    <Drawer title={words.title(model)} size="large" onClose={onClose} note={<span className="soft small">{words.perMillion}</span>}>
      {error && <Trouble error={error} />}
      {!data && !error && <Waiting />}
      {data && (
        <>
          <h3>{words.now}</h3>
          <Now items={data.items} />
          {mayChange && <SetPrice key={data.history[0]?.id ?? 0} found={data} />}
          <h3>{words.history}</h3>
          {data.history.length === 0 && <p className="soft">{words.historyNone}</p>}
          <ul className="price-history" role="list">
            {data.history.map((row) => <Past key={row.id} row={row} />)}
          </ul>
        </>
      )}
    </Drawer>
  );
}
