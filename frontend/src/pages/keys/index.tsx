// The keys of the pool.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { Button } from "antd";
import { useState } from "react";
import { useAccess } from "../../access/session";
import { Select } from "../../components/field";
import { csv, download } from "../../components/download";
import { Empty } from "../../components/empty";
import { Chips, SearchField } from "../../components/filters";
import { Bar, Page, Panel, Waiting } from "../../components/page";
import { Trouble } from "../../components/trouble";
import { wordOf } from "../../services/fitness";
import { useRead } from "../../services/query";
import type { Key, List } from "../../services/types";
import { useText, useWords } from "../../text";
import { BulkBar } from "./bulk";
import { KeyDrawer } from "./drawer";
import { Egress } from "./egress";
import { ExportSecrets } from "./export-secrets";
import { fits, type KeyFilter } from "./filter";
import { KeyForm } from "./form";
import { ImportKeys } from "./import";
import "./keys.css";
import { KeyTable } from "./list";
import { words as both } from "./text";

const EVERY_MS = 5_000;

/** What the table shows, without anything that is secret. */
function exportOf(keys: readonly Key[]): string {
  const rows = keys.map((key) => [
    key.id, key.name, key.provider, key.api_key_hint, wordOf(key), key.status.reason, key.balance, key.balance_currency,
    key.today.requests, key.today.tokens, key.today.cost, key.tags.join(" "), key.fingerprint,
  ]);
  const heads = ["id", "name", "provider", "key", "state", "reason", "balance", "currency", "requests", "tokens", "cost", "tags", "fingerprint"];
  return csv([heads, ...rows]);
}

function Filters({ keys, shown }: { keys: readonly Key[]; shown: readonly Key[] }) {
  const { text } = useText();
  const words = useWords(both);
  const navigate = useNavigate();
  const search = useSearch({ from: "/keys" });
  const set = (change: KeyFilter) => void navigate({ to: "/keys", search: { ...search, ...change }, replace: true });
  const providers = [...new Set(keys.map(({ provider }) => provider))].sort();
  const tags = [...new Set(keys.flatMap(({ tags }) => tags))].sort();
  const option = (value: string) => ({ value, label: value });
  const count = (filter: KeyFilter) => keys.filter((key) => fits(key, filter)).length;
  const states = [
    { value: "", label: words.everyState, count: keys.length },
    { value: "trouble", label: words.trouble, count: count({ state: "trouble" }) },
    ...(["ready", "cooling", "out_of_credit"] as const).map((state) => ({ value: state, label: text.states[state], count: count({ state }) })),
    ...(count({ state: "out_of_budget" }) > 0 ? [{ value: "out_of_budget", label: text.states["out_of_budget"], count: count({ state: "out_of_budget" }) }] : []),
    { value: "disabled", label: words.stopped, count: count({ state: "disabled" }) },
  ];
  return (
    <Bar>
      <SearchField value={search.q} placeholder={words.search} onChange={(q) => set({ q })} />
      <Chips label={text.common.state} value={search.state ?? ""} options={states} onChange={(state) => set({ state } as KeyFilter)} />
      {providers.length > 1 && (
        <Select label={text.common.provider} value={search.provider ?? ""} onChange={(provider) => set({ provider })} options={[{ value: "", label: words.everyProvider }, ...providers.map(option)]} />
      )}
      {tags.length > 0 && (
        <Select label={words.form.tags} value={search.tag ?? ""} onChange={(tag) => set({ tag })} options={[{ value: "", label: words.form.tags }, ...tags.map(option)]} />
      )}
      <Button type="text" onClick={() => download("keys.csv", exportOf(shown))}>{words.exportIt}</Button>
    </Bar>
  );
}

function Listed({ keys }: { keys: readonly Key[] }) {
  const { text } = useText();
  const { mayChange } = useAccess();
  const navigate = useNavigate();
  const search = useSearch({ from: "/keys" });
  const [selected, setSelected] = useState<ReadonlySet<number>>(new Set());
  const shown = keys.filter((key) => fits(key, search));
  const chosen = keys.filter(({ id }) => selected.has(id));
  const opened = keys.find(({ id }) => id === search.open);
  const open = (id: number | undefined) => {
    const { open: _, ...rest } = search;
    void navigate({ to: "/keys", search: id ? { ...rest, open: id } : rest });
  };
  return (
    <>
      <Filters keys={keys} shown={shown} />
      {chosen.length > 0 && <BulkBar keys={chosen} onClear={() => setSelected(new Set())} />}
      <Panel flush>
        {shown.length === 0 ? (
          <Empty title={text.common.noMatch} action={<Button onClick={() => void navigate({ to: "/keys", search: {} })}>{text.common.clearFilters}</Button>} />
        ) : (
          <KeyTable keys={shown} selected={selected} onSelect={setSelected} onOpen={({ id }) => open(id)} maySelect={mayChange} />
        )}
      </Panel>
      {opened && <KeyDrawer key={opened.id} entry={opened} keys={keys} onClose={() => open(undefined)} />}
    </>
  );
}

export function Keys() {
  const { text, format } = useText();
  const words = useWords(both);
  const { mayChange, mayManage, byToken } = useAccess();
  const [adding, setAdding] = useState<"one" | "many" | "secrets" | "ways">();
  const { data, error, dataUpdatedAt, refetch } = useRead<List<Key>>("/api/keys", { every: EVERY_MS });
  const close = () => setAdding(undefined);
  const ways = data && data.items.length > 0 && <Button type="text" onClick={() => setAdding("ways")}>{words.ways}</Button>;
  const actions = (
    <>
      {mayManage && !byToken && data && data.items.length > 0 && <Button type="text" onClick={() => setAdding("secrets")}>{words.exportSecrets.open}</Button>}
      <Button onClick={() => setAdding("many")}>{words.paste}</Button>
      <Button type="primary" onClick={() => setAdding("one")}>{words.add}</Button>
    </>
  );
  return (
    <Page title={text.pages.keys} note={data && (data.next_cursor ? text.common.shown(format.whole(data.items.length), format.whole(data.total ?? data.items.length)) : format.whole(data.items.length))} actions={<>{ways}{mayChange && actions}</>}>
      {error && <Trouble error={error} at={dataUpdatedAt} again={() => void refetch()} />}
      {!data && !error && <Panel><Waiting rows={8} /></Panel>}
      {data && data.items.length > 0 && <Listed keys={data.items} />}
      {data?.items.length === 0 && (
        <Panel>
          <Empty title={words.emptyTitle} action={mayChange && actions}>{words.emptyText}</Empty>
        </Panel>
      )}
      {adding === "one" && <KeyForm onClose={close} />}
      {adding === "ways" && data && <Egress keys={data.items} onClose={close} />}
      {adding === "secrets" && <ExportSecrets onClose={close} />}
      {adding === "many" && <ImportKeys onClose={close} />}
    </Page>
  );
}
