// Type a model, see what would happen to a call now.

import { Button, Input } from "antd";
import { type FormEvent, useEffect, useId, useState } from "react";
import { Field, Select } from "../../components/field";
import { Panel } from "../../components/page";
import { Reason } from "../../components/reason";
import { Badge, Tag } from "../../components/state";
import "../../components/table.css";
import { Absent, isAbsent, useTroubleText } from "../../components/trouble";
import { Wait } from "../../components/when";
import { send } from "../../services/http";
import { useChange, useRead } from "../../services/query";
import type { ClientToken, List, Route } from "../../services/types";
import { useText, useWords } from "../../text";
import type { CandidateNow, Explanation } from "./explanation";
import type { Model } from "./model";
import { words as both } from "./text";

const FULL_PERMILLE = 1_000;

function Now({ entry }: { entry: CandidateNow }) {
  const { text } = useText();
  const mood = entry.state === "ready" ? "good" : entry.state === "out_of_credit" || entry.state === "disabled" ? "bad" : "warn";
  return (
    <>
      <Badge mood={mood}>{text.states[entry.state] ?? text.verdicts[entry.state] ?? entry.state}</Badge>{" "}
      {entry.until && <span className="soft small"><Wait until={entry.until} /></span>}
      {entry.reason && <Reason text={entry.reason} />}
    </>
  );
}

function Candidates({ explained }: { explained: Explanation }) {
  const { format } = useText();
  const words = useWords(both);
  const { columns } = words;
  return (
    <div className="table-room">
      <table className="table" aria-label={words.candidates}>
        <thead>
          <tr>
            <th scope="col">{columns.key}</th>
            <th scope="col">{columns.state}</th>
            <th scope="col">{columns.sends}</th>
            <th scope="col" className="table-number">{columns.tier}</th>
            <th scope="col" className="table-number">{columns.room}</th>
          </tr>
        </thead>
        <tbody>
          {explained.candidates.map((entry) => (
            <tr key={`${entry.key_id} ${entry.upstream_model}`} aria-selected={entry.key_id === explained.choice?.key_id}>
              <td className="table-head">
                <strong className="inert">{entry.name}</strong> <span className="soft small">{entry.provider}</span> {entry.home && <Tag>{words.home}</Tag>}
              </td>
              <td data-label={columns.state}><Now entry={entry} /></td>
              <td data-label={columns.sends}>
                <span className="inert">{entry.upstream_model}</span> {entry.translated && <Tag>{words.translated}</Tag>}
              </td>
              <td data-label={columns.tier} className="table-number">{entry.tier}</td>
              <td data-label={columns.room} className="table-number">{format.share(entry.room.permille, FULL_PERMILLE)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** What the model costs there, where the server tells. */
function PriceOf({ provider, model }: { provider: string; model: string }) {
  const { format } = useText();
  const words = useWords(both);
  const { data } = useRead<List<Model>>("/api/models");
  const price = data?.items.find((known) => known.provider === provider && known.model === model)?.price;
  if (!price) return null;
  return <>{words.priced(format.usd(price.input), format.usd(price.output))} </>;
}

function Verdict({ explained, routes }: { explained: Explanation; routes: readonly Route[] }) {
  const { text, format } = useText();
  const words = useWords(both);
  const { choice, refusal, candidates, route_id } = explained;
  const route = routes.find(({ id }) => id === route_id);
  const chosen = candidates.find(({ key_id }) => key_id === choice?.key_id);
  const by = choice && (choice.despite ? words.despite(text.states[choice.despite.state] ?? choice.despite.state) : words.by[choice.by]);
  return (
    <p aria-live="polite">
      <strong>{choice ? words.wouldAsk(chosen?.name ?? `#${choice.key_id}`) : words.nobody}</strong> {by}{" "}
      {chosen && <PriceOf provider={chosen.provider} model={chosen.upstream_model} />}
      <span className="soft">({route ? words.viaRoute(route.model) : words.noRoute})</span>
      {refusal && (
        <span className="explain-refusal">
          {words.clientTold(String(refusal.http_status_code), refusal.error_type)} <q className="inert">{refusal.message}</q>{" "}
          {refusal.retry_after_ms !== null && words.retryAfter(format.span(refusal.retry_after_ms))}
        </span>
      )}
    </p>
  );
}

function Found({ explained, routes }: { explained: Explanation; routes: readonly Route[] }) {
  const { format } = useText();
  const words = useWords(both);
  const { excluded, excluded_total: outside } = explained;
  return (
    <>
      <Verdict explained={explained} routes={routes} />
      {explained.candidates.length > 0 && <Candidates explained={explained} />}
      {excluded.length > 0 && (
        <div className="small">
          <h3>{words.excluded}</h3>
          <ul className="explain-out">
            {excluded.map(({ key_id, name, why }) => (
              <li key={key_id}>
                <span className="inert">{name}</span>: <span className="soft">{words.whyOut[why] ?? why}</span>
              </li>
            ))}
          </ul>
          {outside > excluded.length && <span className="soft">{words.more(format.whole(outside - excluded.length))}</span>}
        </div>
      )}
    </>
  );
}

interface Props {
  routes: readonly Route[];
  names: readonly string[];
  asked: string | undefined;
  onAsk: (model: string) => void;
}

export function Explain({ routes, names, asked, onAsk }: Props) {
  const { text } = useText();
  const words = useWords(both);
  const told = useTroubleText();
  const list = useId();
  const tokens = useRead<List<ClientToken>>("/api/tokens").data?.items ?? [];
  const [model, setModel] = useState(asked ?? "");
  const [shape, setShape] = useState("chat");
  const [token, setToken] = useState("");
  const explain = useChange((body: object) => send<Explanation>("/api/routes/explain", { method: "POST", body }));
  const { mutate } = explain;

  // A link with a model in it shows its answer at once.
  useEffect(() => {
    if (asked) mutate({ model: asked });
  }, [asked, mutate]);

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!model.trim()) return;
    onAsk(model.trim());
    mutate({ model: model.trim(), format: shape, ...(token && { token_id: Number(token) }) });
  }

  return (
    <Panel title={words.explainTitle}>
      <div className="stack">
        <p className="soft">{words.explainText}</p>
        <form className="explain-form" onSubmit={submit}>
          <Field label={words.model}>
            <Input value={model} list={list} autoComplete="off" onChange={(event) => setModel(event.target.value)} />
          </Field>
          <datalist id={list}>
            {names.map((name) => (
              <option key={name} value={name}>{name}</option>
            ))}
          </datalist>
          <Field label={words.format}>
            <Select value={shape} onChange={setShape} options={Object.entries(words.formats).map(([value, label]) => ({ value, label }))} />
          </Field>
          <Field label={text.common.token}>
            <Select value={token} onChange={setToken} options={[{ value: "", label: words.anyToken }, ...tokens.map(({ id, name }) => ({ value: String(id), label: name }))]} />
          </Field>
          <Button type="primary" htmlType="submit" loading={explain.isPending}>
            {words.explain}
          </Button>
        </form>
        {explain.error && (isAbsent(explain.error) ? <Absent /> : <p className="problem" role="alert">{told(explain.error)}</p>)}
        {explain.data && <Found explained={explain.data} routes={routes} />}
      </div>
    </Panel>
  );
}
