// A message through the pool, streamed, and which key answered.

import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Button, Input } from "antd";
import { type KeyboardEvent, useId, useState } from "react";
import { useAccess } from "../../access/session";
import { Field, Select } from "../../components/field";
import { Page, Panel } from "../../components/page";
import { useOpened } from "../../components/when";
import { useRead } from "../../services/query";
import type { CallDetail, Key, List, ModelRow, Route, Table } from "../../services/types";
import { useText, useWords } from "../../text";
import "./playground.css";
import type { Format } from "./talk";
import { words as both } from "./text";
import { tokenFor } from "./token";
import { type Turn, useTalk } from "./use-talk";

const MONTH_MS = 30 * 86_400_000;
/** The books are asked until the call is in them. */
const AGAIN_MS = 1_000;

/** Models to choose from: what was used, and the names of routes. */
function useModels(): string[] {
  const from = new Date(useOpened() - MONTH_MS).toISOString();
  const used = useRead<Table<ModelRow>>("/api/statistics/models", { query: { from } });
  const routes = useRead<List<Route>>("/api/routes");
  return [...new Set([...(routes.data?.items ?? []), ...(used.data?.items ?? [])].map(({ model }) => model))].filter(Boolean);
}

/** Which key answered, at what price, as the books have it. */
function Books({ call }: { call: string }) {
  const { format } = useText();
  const words = useWords(both);
  const keys = useRead<List<Key>>("/api/keys").data?.items;
  const { data } = useRead<CallDetail>(`/api/requests/${encodeURIComponent(call)}`, { every: AGAIN_MS, isFinal: ({ outcome }) => outcome !== null });
  const link = (
    <Link to="/requests" search={{ open: call }}>
      {words.details}
    </Link>
  );
  if (!data || data.outcome === null) return link;
  const key = data.key_id !== null && (keys?.find(({ id }) => id === data.key_id)?.name ?? `#${data.key_id}`);
  const facts = [
    key && words.by(key),
    data.attempts > 1 && words.tries(format.whole(data.attempts)),
    data.latency_ms !== null && format.span(data.latency_ms),
    data.cost !== null && format.usd(data.cost),
  ].filter(Boolean);
  return (
    <>
      {facts.join(" · ")} · {link}
    </>
  );
}

function Line({ turn }: { turn: Turn }) {
  const words = useWords(both);
  const { role, text, error, running, call } = turn;
  return (
    <div className={`turn turn-${role}`}>
      <div className="soft small">{role === "user" ? words.you : words.pool}</div>
      <div className="turn-text inert" aria-live={role === "assistant" ? "polite" : "off"} aria-busy={running ?? false}>
        {text || (!running && !error && role === "assistant" ? words.emptyAnswer : "")}
        {running && <span className="caret" aria-hidden />}
      </div>
      {error && <p className="problem" role="alert">{error}</p>}
      {call && !running && <div className="soft small"><Books call={call} /></div>}
    </div>
  );
}

function Token({ value, onChange }: { value: string | undefined; onChange: (value: string) => void }) {
  const words = useWords(both);
  if (value === undefined) {
    return (
      <p className="soft small">
        {words.own}{" "}
        <Button type="link" size="small" onClick={() => onChange("")}>{words.useOwn}</Button>
      </p>
    );
  }
  return (
    <Field label={words.ownToken}>
      <Input.Password autoComplete="off" value={value} onChange={(event) => onChange(event.target.value)} />
    </Field>
  );
}

export function Playground() {
  const { text } = useText();
  const words = useWords(both);
  const { user, mayChange } = useAccess();
  const navigate = useNavigate();
  const { model: asked } = useSearch({ from: "/playground" });
  const models = useModels();
  const model = asked ?? models[0] ?? "gpt-5-mini";
  const list = useId();
  const [shape, setShape] = useState<Format>("chat");
  const [system, setSystem] = useState("");
  const [message, setMessage] = useState("");
  // Who may make no tokens has to bring one.
  const [own, setOwn] = useState<string | undefined>(mayChange ? undefined : "");
  const { turns, busy, send, stop, clear } = useTalk(words.stopped);

  function submit() {
    if (!message.trim() || busy) return;
    void send({ format: shape, model, system, message, token: async () => own?.trim() || tokenFor(user.username) });
    setMessage("");
  }

  const onKeyDown = (event: KeyboardEvent) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) submit();
  };
  return (
    <Page title={text.pages.playground} actions={turns.length > 0 && <Button onClick={clear} disabled={busy}>{words.again}</Button>}>
      <p className="soft">{words.why}</p>
      <div className="playground">
        <Panel>
          <div className="form">
            <Field label={words.model}>
              <Input value={model} list={list} onChange={(event) => void navigate({ to: "/playground", search: { model: event.target.value }, replace: true })} />
            </Field>
            <datalist id={list}>
              {models.map((name) => (
                <option key={name} value={name}>{name}</option>
              ))}
            </datalist>
            <Field label={words.format}>
              <Select value={shape} onChange={(shape) => setShape(shape as Format)} options={Object.entries(words.formats).map(([value, label]) => ({ value, label }))} />
            </Field>
            <Field label={words.system}>
              <Input.TextArea rows={3} value={system} onChange={(event) => setSystem(event.target.value)} />
            </Field>
            <Token value={own} onChange={setOwn} />
          </div>
        </Panel>
        <Panel>
          <div className="talk">
            <div className="turns">
              {turns.length === 0 && <p className="soft">{words.empty}</p>}
              {turns.map((turn, at) => (
                // oxlint-disable-next-line react/no-array-index-key -- turns are only ever added at the end
                <Line key={at} turn={turn} />
              ))}
            </div>
            <Field label={words.message}>
              <Input.TextArea rows={3} autoFocus placeholder={words.placeholder} value={message} onChange={(event) => setMessage(event.target.value)} onKeyDown={onKeyDown} />
            </Field>
            <div className="bar">
              <Button type="primary" onClick={submit} disabled={!message.trim() || busy}>{words.send}</Button>
              {busy && <Button onClick={stop}>{words.stop}</Button>}
            </div>
          </div>
        </Panel>
      </div>
    </Page>
  );
}
