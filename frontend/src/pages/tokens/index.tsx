// The tokens that clients show.

import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Button } from "antd";
import { useState } from "react";
import { useAccess } from "../../access/session";
import { Confirm } from "../../components/confirm";
import { Empty } from "../../components/empty";
import { SearchField } from "../../components/filters";
import { Bar, Page, Panel, Waiting } from "../../components/page";
import { Badge, Tag } from "../../components/state";
import { type Column, DataTable } from "../../components/table";
import { complain, tell } from "../../components/toast";
import { Trouble, useTroubleText } from "../../components/trouble";
import { Ahead, useOpened } from "../../components/when";
import { rulesOf } from "../../services/budget";
import { send } from "../../services/http";
import { useRead, useRefresh } from "../../services/query";
import type { ClientToken, List, Table, TokenRow } from "../../services/types";
import { useText, useWords } from "../../text";
import { plus, standing } from "./budget";
import { BudgetBar } from "./budget-bar";
import { TokenForm } from "./form";
import { Groups } from "./groups";
import { Connect, Secret } from "./secret";
import { words as both } from "./text";
import "./tokens.css";

const EVERY_MS = 10_000;
const MONTH_MS = 30 * 86_400_000;

const isOver = ({ expires_at }: ClientToken) => expires_at !== null && Date.parse(expires_at) <= Date.now();

function Name({ token }: { token: ClientToken }) {
  const words = useWords(both);
  return (
    <>
      <strong className="inert">{token.name}</strong>{" "}
      {!token.enabled && <Badge mood="idle">{words.off}</Badge>}
      {isOver(token) && <Badge mood="bad">{words.expired}</Badge>}
      <div className="soft small">
        <span className="code">{token.token_hint}</span>
        {token.expires_at && !isOver(token) && (
          <>
            {" · "}
            <Ahead at={token.expires_at} tell={(wait) => `${words.expires} ${wait}`} />
          </>
        )}
      </div>
      {token.memo && <div className="soft small inert">{token.memo}</div>}
    </>
  );
}

type Deed = "edit" | "rotate" | "delete";

function Actions({ token, onDeed }: { token: ClientToken; onDeed: (deed: Deed) => void }) {
  const { format } = useText();
  const words = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();

  async function put(body: object, message: string, undo?: () => void) {
    try {
      await send(`/api/tokens/${token.id}`, { method: "PUT", body });
      tell(message, undo);
    } catch (error) {
      complain(told(error));
    }
    void refresh("/api/tokens");
  }

  const { budget } = token;
  const raised = budget && plus(budget.limit, 5);
  const toggle = () => void put({ enabled: !token.enabled }, `${token.name}: ${token.enabled ? words.off : words.on}`, () => void put({ enabled: token.enabled }, token.name));
  return (
    <div className="bar row-actions">
      {budget && raised && (
        <Button size="small" onClick={() => void put({ budget: { ...rulesOf(budget), limit: raised } }, words.raised(format.usd(raised)))}>
          {words.raise}
        </Button>
      )}
      <Button size="small" onClick={() => onDeed("edit")}>{words.edit}</Button>
      <Button size="small" onClick={toggle}>{token.enabled ? words.disable : words.enable}</Button>
      <Button size="small" onClick={() => onDeed("rotate")}>{words.rotate}</Button>
      <Button size="small" danger onClick={() => onDeed("delete")}>{words.remove}</Button>
    </div>
  );
}

/** What each token used in the last thirty days. */
function useUse(): ReadonlyMap<number | null, TokenRow> {
  const from = new Date(useOpened() - MONTH_MS).toISOString();
  const { data } = useRead<Table<TokenRow>>("/api/statistics/tokens", { query: { from } });
  return new Map((data?.items ?? []).map((row) => [row.token_id, row]));
}

function useColumns(mayChange: boolean, onDeed: (token: ClientToken, deed: Deed) => void): Column<ClientToken>[] {
  const { text, format } = useText();
  const words = useWords(both);
  const use = useUse();
  const used = ({ id }: ClientToken) => use.get(id);
  return [
    { id: "name", title: text.common.name, head: true, by: ({ name }) => name, cell: (token) => <Name token={token} /> },
    {
      id: "budget",
      title: words.budget,
      by: ({ budget }) => (budget ? standing(budget).spent : null),
      cell: ({ budget }) => <BudgetBar budget={budget} />,
    },
    {
      id: "models",
      title: words.models,
      cell: ({ models }) => (models.length === 0 ? <span className="soft">{words.everyModel}</span> : models.map((model) => <Tag key={model}>{model}</Tag>)),
    },
    {
      id: "used",
      title: words.used,
      number: true,
      by: (token) => Number(used(token)?.cost ?? 0),
      cell: (token) => (
        <Link to="/requests" search={{ token_id: token.id }}>
          {format.whole(used(token)?.requests ?? 0)} · {format.usd(used(token)?.cost ?? "0")}
        </Link>
      ),
    },
    ...(mayChange
      ? [{ id: "actions", title: text.common.actions, cell: (token: ClientToken) => <Actions token={token} onDeed={(deed) => onDeed(token, deed)} /> }]
      : []),
  ];
}

type Open = { what: "new" | "connect" } | { what: "secret" | Deed; token: ClientToken };

function Opened({ open, setOpen }: { open: Open; setOpen: (open?: Open) => void }) {
  const words = useWords(both);
  const refresh = useRefresh();
  const close = () => setOpen();
  const show = (token: ClientToken) => setOpen(token.token ? { what: "secret", token } : undefined);
  if (open.what === "new") return <TokenForm onSaved={show} onClose={close} />;
  if (open.what === "connect") return <Connect onClose={close} />;
  if (!("token" in open)) return null;
  const { token, what } = open;
  const path = `/api/tokens/${token.id}`;
  switch (what) {
    case "secret":
      return <Secret token={token} onClose={close} />;
    case "edit":
      return <TokenForm token={token} onSaved={close} onClose={close} />;
    case "rotate":
      return (
        <Rotate token={token} onMade={show} onClose={close} />
      );
    case "delete":
      return (
        <Confirm title={words.removeTitle(token.name)} action={words.remove} onClose={close} onConfirm={() => send(path, { method: "DELETE" }).then(() => refresh("/api/tokens"))}>
          {words.removeText}
        </Confirm>
      );
  }
}

function Rotate({ token, onMade, onClose }: { token: ClientToken; onMade: (token: ClientToken) => void; onClose: () => void }) {
  const words = useWords(both);
  const [made, setMade] = useState<ClientToken>();
  const rotate = async () => setMade(await send<ClientToken>(`/api/tokens/${token.id}/rotate`, { method: "POST" }));
  // The question closes by itself once it has an answer, and the answer takes its place.
  const close = () => (made ? onMade(made) : onClose());
  if (made) return <Secret token={made} onClose={onClose} />;
  return (
    <Confirm title={words.rotateTitle(token.name)} action={words.rotate} onConfirm={rotate} onClose={close}>
      {words.rotateText}
    </Confirm>
  );
}

function Listed({ tokens, onDeed }: { tokens: readonly ClientToken[]; onDeed: (token: ClientToken, deed: Deed) => void }) {
  const { text } = useText();
  const words = useWords(both);
  const { mayChange } = useAccess();
  const navigate = useNavigate();
  const { q = "" } = useSearch({ from: "/tokens" });
  const wanted = q.toLowerCase();
  const shown = tokens.filter(({ name, memo, token_hint }) => [name, memo, token_hint].some((place) => place.toLowerCase().includes(wanted)));
  const columns = useColumns(mayChange, onDeed);
  return (
    <>
      {tokens.length > 5 && (
        <Bar>
          <SearchField value={q} placeholder={words.search} onChange={(q) => void navigate({ to: "/tokens", search: { q }, replace: true })} />
        </Bar>
      )}
      <Panel flush>
        <DataTable label={text.pages.tokens} columns={columns} rows={shown} id={({ id }) => id} nameOf={({ name }) => name} empty={<Empty title={text.common.noMatch} />} />
      </Panel>
    </>
  );
}

export function Tokens() {
  const { text, format } = useText();
  const words = useWords(both);
  const { mayChange } = useAccess();
  const [open, setOpen] = useState<Open>();
  const { data, error, dataUpdatedAt, refetch } = useRead<List<ClientToken>>("/api/tokens", { every: EVERY_MS });
  const add = mayChange && (
    <Button type="primary" onClick={() => setOpen({ what: "new" })}>
      {words.add}
    </Button>
  );
  const actions = (
    <>
      <Button onClick={() => setOpen({ what: "connect" })}>{words.connect}</Button>
      {add}
    </>
  );
  return (
    <Page title={text.pages.tokens} note={data && format.whole(data.items.length)} actions={actions}>
      {error && <Trouble error={error} at={dataUpdatedAt} again={() => void refetch()} />}
      {!data && !error && <Panel><Waiting /></Panel>}
      {data && data.items.length > 0 && <Listed tokens={data.items} onDeed={(token, what) => setOpen({ what, token })} />}
      {data?.items.length === 0 && (
        <Panel>
          <Empty title={words.emptyTitle} action={add}>{words.emptyText}</Empty>
        </Panel>
      )}
      {data && <Groups tokens={data.items} />}
      {open && <Opened open={open} setOpen={setOpen} />}
    </Page>
  );
}
