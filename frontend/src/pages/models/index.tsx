// What clients may ask for, what stands behind it, what it costs, and what would happen now.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { Button } from "antd";
import { useState } from "react";
import { useAccess } from "../../access/session";
import { Confirm } from "../../components/confirm";
import { Empty } from "../../components/empty";
import { Page, Panel, Waiting } from "../../components/page";
import { Tag } from "../../components/state";
import { type Column, DataTable } from "../../components/table";
import { Trouble } from "../../components/trouble";
import { useOpened } from "../../components/when";
import { send } from "../../services/http";
import { useRead, useRefresh } from "../../services/query";
import type { Candidate, List, ModelRow, Route, Table } from "../../services/types";
import { useText, useWords } from "../../text";
import { Explain } from "./explain";
import "./models.css";
import { Prices } from "./prices";
import { Providers } from "./providers";
import { RouteForm } from "./route-form";
import { words as both } from "./text";

const MONTH_MS = 30 * 86_400_000;

function Behind({ candidates }: { candidates: readonly Candidate[] }) {
  const { format } = useText();
  const words = useWords(both);
  return (
    <ul className="behind" role="list">
      {candidates.toSorted((a, b) => a.tier - b.tier).map(({ model, provider, tier, weight }) => (
        <li key={`${model} ${provider} ${tier}`}>
          <span className="inert">{provider ? `${provider}/${model}` : model}</span> {tier > 0 && <Tag>{words.tier(format.whole(tier))}</Tag>} {weight !== 1 && <Tag>×{format.whole(weight)}</Tag>}
        </li>
      ))}
    </ul>
  );
}

type Open = { what: "new" } | { what: "edit" | "delete"; route: Route };

function Routes({ routes, names }: { routes: readonly Route[]; names: readonly string[] }) {
  const { text } = useText();
  const words = useWords(both);
  const { mayChange } = useAccess();
  const refresh = useRefresh();
  const [open, setOpen] = useState<Open>();
  const close = () => setOpen(undefined);
  const add = mayChange && <Button type="primary" onClick={() => setOpen({ what: "new" })}>{words.addRoute}</Button>;
  const columns: Column<Route>[] = [
    { id: "model", title: words.alias, head: true, by: ({ model }) => model, cell: ({ model }) => <strong className="inert">{model}</strong> },
    { id: "behind", title: words.behind, cell: ({ candidates }) => <Behind candidates={candidates} /> },
    { id: "strategy", title: words.strategy, cell: ({ strategy }) => words.strategies[strategy] ?? strategy },
    {
      id: "actions",
      title: text.common.actions,
      cell: (route) =>
        mayChange && (
          <div className="bar">
            <Button size="small" onClick={() => setOpen({ what: "edit", route })}>{words.edit}</Button>
            <Button size="small" danger onClick={() => setOpen({ what: "delete", route })}>{words.remove}</Button>
          </div>
        ),
    },
  ];
  return (
    <Panel flush title={words.routes} note={words.routesNote} actions={routes.length > 0 && add}>
      <DataTable label={words.routes} columns={columns} rows={routes} id={({ id }) => id} nameOf={({ model }) => model} empty={<Empty title={words.routesEmpty} action={add}>{words.routesEmptyText}</Empty>} />
      {open?.what === "new" && <RouteForm names={names} onClose={close} />}
      {open?.what === "edit" && <RouteForm route={open.route} names={names} onClose={close} />}
      {open?.what === "delete" && (
        <Confirm title={words.removeTitle(open.route.model)} action={words.remove} onClose={close} onConfirm={() => send(`/api/routes/${open.route.id}`, { method: "DELETE" }).then(() => refresh("/api/routes"))}>
          {words.removeText}
        </Confirm>
      )}
    </Panel>
  );
}

export function Models() {
  const { text } = useText();
  const navigate = useNavigate();
  const search = useSearch({ from: "/models" });
  const from = new Date(useOpened() - MONTH_MS).toISOString();
  const routes = useRead<List<Route>>("/api/routes");
  const used = useRead<Table<ModelRow>>("/api/statistics/models", { query: { from } });
  const names = [...new Set([...(routes.data?.items ?? []), ...(used.data?.items ?? [])].map(({ model }) => model))].filter(Boolean).sort();
  return (
    <Page title={text.pages.models}>
      {routes.error && <Trouble error={routes.error} again={() => void routes.refetch()} />}
      <Explain routes={routes.data?.items ?? []} names={names} asked={search.explain} onAsk={(explain) => void navigate({ to: "/models", search: { ...search, explain }, replace: true })} />
      {routes.data ? <Routes routes={routes.data.items} names={names} /> : !routes.error && <Panel><Waiting /></Panel>}
      <Prices />
      <Providers />
    </Page>
  );
}
