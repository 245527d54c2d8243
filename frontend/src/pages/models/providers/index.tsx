// Providers that operators wrote themselves, beside the presets.

import { Button } from "antd";
import { useState } from "react";
import { useAccess } from "../../../access/session";
import { Confirm } from "../../../components/confirm";
import { Empty } from "../../../components/empty";
import { Panel } from "../../../components/page";
import { Tag } from "../../../components/state";
import { type Column, DataTable } from "../../../components/table";
import { send } from "../../../services/http";
import { useRead, useRefresh } from "../../../services/query";
import type { List } from "../../../services/types";
import { useText, useWords } from "../../../text";
import { ProviderForm } from "./form";
import type { Definition, Listed } from "./provider";
import { words as both } from "./text";

type Open = { what: "new" } | { what: "edit" | "delete"; known: Definition };

function useColumns(onOpen: (open: Open) => void): Column<Definition>[] {
  const { text } = useText();
  const words = useWords(both);
  const { mayChange, mayManage } = useAccess();
  return [
    {
      id: "name",
      title: words.columns.name,
      head: true,
      by: ({ name }) => name,
      cell: ({ id, name }) => (
        <>
          <strong className="inert">{name}</strong> <span className="soft small code">{id}</span>
        </>
      ),
    },
    { id: "address", title: words.columns.address, cell: ({ base_url: url }) => <span className="inert">{url ?? words.everyKey}</span> },
    { id: "formats", title: words.columns.formats, cell: ({ formats }) => Object.keys(formats).map((name) => <Tag key={name}>{words.form.names[name] ?? name}</Tag>) },
    {
      id: "actions",
      title: text.common.actions,
      cell: (known) => (
        <div className="bar">
          {mayManage && <Button size="small" onClick={() => onOpen({ what: "edit", known })}>{words.edit}</Button>}
          {mayChange && <Button size="small" danger onClick={() => onOpen({ what: "delete", known })}>{words.remove}</Button>}
        </div>
      ),
    },
  ];
}

export function Providers() {
  const words = useWords(both);
  const { mayChange } = useAccess();
  const refresh = useRefresh();
  const [open, setOpen] = useState<Open>();
  const { data } = useRead<List<Listed>>("/api/providers");
  const columns = useColumns(setOpen);
  // An older server knows presets alone.
  if (!data || data.items.every(({ own }) => own === undefined)) return null;
  const own = data.items.flatMap(({ own }) => (own ? [own.definition] : []));
  const close = () => setOpen(undefined);
  const add = mayChange && <Button onClick={() => setOpen({ what: "new" })}>{words.add}</Button>;
  return (
    <Panel flush title={words.title} note={words.note} actions={own.length > 0 && add}>
      <DataTable label={words.title} columns={columns} rows={own} id={({ id }) => id} nameOf={({ name }) => name} empty={<Empty title={words.empty} action={add}>{words.emptyText}</Empty>} />
      {open?.what === "new" && <ProviderForm onClose={close} />}
      {open?.what === "edit" && <ProviderForm known={open.known} onClose={close} />}
      {open?.what === "delete" && (
        <Confirm
          title={words.removeTitle(open.known.name)}
          action={words.remove}
          onClose={close}
          onConfirm={() => send(`/api/providers/${encodeURIComponent(open.known.id)}`, { method: "DELETE" }).then(() => refresh("/api/providers", "/api/models"))}
        >
          {words.removeText}
        </Confirm>
      )}
    </Panel>
  );
}
