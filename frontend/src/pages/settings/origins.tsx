// What the server was started with: each setting as it is, its default, and who says so.

import { useState } from "react";
import { Chips } from "../../components/filters";
import { Panel } from "../../components/page";
import { Badge } from "../../components/state";
import { type Column, DataTable } from "../../components/table";
import { useRead } from "../../services/query";
import type { List } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./origins-text";

type Source = "default" | "flag" | "environment" | "file";

/** A row of `GET /api/config/server`. */
interface Origin {
  name: string;
  value: string | null;
  default: string | null;
  source: Source;
  secret: boolean;
  help: string;
}

function Value({ origin: { value, secret, source } }: { origin: Origin }) {
  const words = useWords(both);
  if (secret) return <span className="soft">{source === "default" ? words.notSet : words.hidden}</span>;
  return value === null ? <span className="soft">{words.notSet}</span> : <code className="code inert">{value}</code>;
}

function useColumns(): Column<Origin>[] {
  const words = useWords(both);
  return [
    {
      id: "name",
      title: words.name,
      head: true,
      by: ({ name }) => name,
      cell: ({ name, help }) => (
        <>
          <code className="code">{name}</code>
          <div className="soft small">{help}</div>
        </>
      ),
    },
    { id: "value", title: words.value, cell: (origin) => <Value origin={origin} /> },
    { id: "default", title: words.usual, cell: ({ default: usual }) => (usual === null ? "—" : <code className="code inert">{usual}</code>) },
    { id: "source", title: words.source, by: ({ source }) => source, cell: ({ source }) => <Badge mood={source === "default" ? "idle" : "good"}>{words.sources[source] ?? source}</Badge> },
  ];
}

export function Origins() {
  const { format } = useText();
  const words = useWords(both);
  const [which, setWhich] = useState("given");
  const { data } = useRead<List<Origin>>("/api/config/server");
  const columns = useColumns();
  // Neither an older server nor who may only look is told.
  if (!data) return null;
  const given = data.items.filter(({ source }) => source !== "default");
  const rows = which === "all" ? data.items : given;
  const options = [
    { value: "given", label: words.given, count: given.length },
    { value: "all", label: words.all, count: data.items.length },
  ];
  return (
    <Panel flush title={words.title} note={words.note} actions={<Chips label={words.title} value={which} onChange={setWhich} options={options} />}>
      <DataTable label={words.title} columns={columns} rows={rows} id={({ name }) => name} nameOf={({ name }) => name} empty={<p className="soft settings-empty">{words.nothing(format.whole(data.items.length))}</p>} />
    </Panel>
  );
}
