// The models that are known, with their prices and where those come from.

import { useState } from "react";
import { SearchField } from "../../components/filters";
import { Panel } from "../../components/page";
import { type Column, DataTable } from "../../components/table";
import { useRead } from "../../services/query";
import type { List } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

interface Price {
  input: string | null;
  output: string | null;
  cache_read?: string | null;
  source_url?: string | null;
  source?: string | null;
  version?: string | null;
}

interface Model {
  id?: string | number;
  model: string;
  provider: string | null;
  price: Price | null;
  keys?: number[];
}

export function Prices() {
  const { format } = useText();
  const words = useWords(both);
  const [q, setQ] = useState("");
  const { data } = useRead<List<Model>>("/api/models");
  // An older server has no list of models; prices are then seen at each call.
  if (!data) return null;
  const wanted = q.toLowerCase();
  const shown = data.items.filter(({ model, provider }) => `${provider}/${model}`.toLowerCase().includes(wanted));
  const { priceColumns: titles } = words;
  const amount = (value: string | null | undefined) => (value == null ? <span className="soft">{words.unknownPrice}</span> : format.usd(value));
  const columns: Column<Model>[] = [
    { id: "model", title: titles.model, head: true, by: ({ model }) => model, cell: ({ model }) => <span className="inert">{model}</span> },
    { id: "provider", title: titles.provider, by: ({ provider }) => provider, cell: ({ provider }) => provider },
    { id: "input", title: titles.input, number: true, by: ({ price }) => (price?.input == null ? null : Number(price.input)), cell: ({ price }) => amount(price?.input) },
    { id: "cache", title: titles.cacheRead, number: true, cell: ({ price }) => amount(price?.cache_read) },
    { id: "output", title: titles.output, number: true, by: ({ price }) => (price?.output == null ? null : Number(price.output)), cell: ({ price }) => amount(price?.output) },
    { id: "keys", title: titles.keys, number: true, by: ({ keys }) => keys?.length ?? null, cell: ({ keys }) => keys && format.whole(keys.length) },
    { id: "source", title: titles.source, wide: true, cell: ({ price }) => <span className="soft small inert">{price?.source ?? price?.version}</span> },
  ];
  return (
    <Panel flush title={words.prices} note={words.pricesNote} actions={<SearchField value={q} placeholder={words.priceSearch} onChange={setQ} />}>
      <DataTable label={words.prices} columns={columns} rows={shown} id={({ id, model, provider }) => String(id ?? `${provider}/${model}`)} nameOf={({ model }) => model} />
    </Panel>
  );
}
