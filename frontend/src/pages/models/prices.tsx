// The models that are known, with their prices and where those come from.

import { Link } from "@tanstack/react-router";
import { Button } from "antd";
import { useState } from "react";
import { useAccess } from "../../access/session";
import { SearchField } from "../../components/filters";
import { Panel } from "../../components/page";
import { Tag } from "../../components/state";
import { type Column, DataTable } from "../../components/table";
import { complain, tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { Ago } from "../../components/when";
import { send } from "../../services/http";
import { useChange, useRead } from "../../services/query";
import type { List, Refreshed } from "../../services/types";
import type { Model } from "./model";
import { useText, useWords } from "../../text";
import { PriceDrawer } from "./price-drawer";
import { PriceImport } from "./price-import";
import { words as priceWords } from "./price-text";
import { ReRate } from "./re-rate";
import { words as both } from "./text";

/** Where a price comes from, and whether an upstream was heard to serve the model. */
function Source({ version, listedAt }: { version: string | undefined; listedAt: string | null }) {
  const words = useWords(both);
  return (
    <span className="soft small inert">
      {version} {listedAt && <Ago at={listedAt} tell={words.listed} />}
    </span>
  );
}

const PATIENCE_MS = 120_000;

/** Asks every upstream what it serves. */
function useAskModels(told: (error: unknown) => string) {
  const { format } = useText();
  const words = useWords(both);
  return useChange(async () => {
    try {
      const { items } = await send<List<Refreshed>>("/api/models/refresh", { method: "POST", body: {}, patienceMs: PATIENCE_MS });
      tell(words.refreshed(format.whole(items.filter(({ ok }) => ok).length), format.whole(items.length)));
    } catch (error) {
      complain(told(error));
    }
  }, "/api/models");
}

export function Prices() {
  const { text: { common }, format } = useText();
  const { mayChange } = useAccess();
  const told = useTroubleText();
  const ask = useAskModels(told);
  const words = useWords(both);
  const { edit, import: list, reRate } = useWords(priceWords);
  const [q, setQ] = useState("");
  const [open, setOpen] = useState<{ what: "price" | "list" | "rate"; model?: string }>();
  const close = () => setOpen(undefined);
  const { data } = useRead<List<Model>>("/api/models");
  // An older server has no list of models; prices are then seen at each call.
  if (!data) return null;
  const wanted = q.toLowerCase();
  const shown = data.items.filter(({ model, provider }) => `${provider}/${model}`.toLowerCase().includes(wanted));
  const { priceColumns: titles } = words;
  const amount = (value: string | null | undefined) => (value == null ? <span className="soft">{words.unknownPrice}</span> : format.usd(value));
  const columns: Column<Model>[] = [
    { id: "model", title: titles.model, head: true, by: ({ model }) => model, cell: ({ model }) => <Link to="/models" search={{ explain: model }} className="inert">{model}</Link> },
    { id: "provider", title: titles.provider, by: ({ provider }) => provider, cell: ({ provider }) => provider ?? <Tag>{words.route}</Tag> },
    { id: "keys", title: titles.keys, number: true, by: ({ keys }) => keys.length, cell: ({ keys }) => format.whole(keys.length) },
    { id: "input", title: titles.input, number: true, by: ({ price }) => (price ? Number(price.input) : null), cell: ({ price }) => amount(price?.input) },
    { id: "cache", title: titles.cacheRead, number: true, cell: ({ price }) => amount(price?.cache_read) },
    { id: "output", title: titles.output, number: true, by: ({ price }) => (price ? Number(price.output) : null), cell: ({ price }) => amount(price?.output) },
    { id: "source", title: titles.source, wide: true, cell: ({ price, listed_at }) => <Source version={price?.version} listedAt={listed_at} /> },
    { id: "actions", title: common.actions, cell: ({ model }) => <Button size="small" aria-label={`${edit} ${model}`} onClick={() => setOpen({ what: "price", model })}>{edit}</Button> },
  ];
  return (
    <Panel
      flush
      title={words.prices}
      note={words.pricesNote}
      actions={
        <>
          <SearchField value={q} placeholder={words.priceSearch} onChange={setQ} />
          {mayChange && <Button onClick={() => setOpen({ what: "list" })}>{list.open}</Button>}
          {mayChange && <Button onClick={() => setOpen({ what: "rate" })}>{reRate.open}</Button>}
          {mayChange && <Button loading={ask.isPending} onClick={() => ask.mutate(undefined)}>{words.refresh}</Button>}
        </>
      }
    >
      <DataTable label={words.prices} columns={columns} rows={shown} id={({ model, provider }) => `${provider}/${model}`} initial={{ id: "keys", direction: "down" }} nameOf={({ model }) => model} />
      {open?.what === "price" && open.model && <PriceDrawer model={open.model} onClose={close} />}
      {open?.what === "list" && <PriceImport onClose={close} />}
      {open?.what === "rate" && <ReRate onClose={close} />}
    </Panel>
  );
}
