// The sums of a period by model, key, provider or token.

import { Link } from "@tanstack/react-router";
import type { ReactNode } from "react";
import "../../components/spark.css";
import { type Column, DataTable } from "../../components/table";
import type { KeyRow, ModelRow, ProviderRow, Sums, TokenRow } from "../../services/types";
import { useText, useWords } from "../../text";
import type { LogSearch } from "../requests/filter";
import { words as both } from "./text";

export type By = "models" | "keys" | "providers" | "tokens";

/** A row of any of the tables, with its name and the calls behind it. */
export interface NamedRow extends Sums {
  id: string;
  name: string;
  calls: LogSearch | undefined;
}

type AnyRow = Partial<Pick<KeyRow, "key_id"> & Pick<TokenRow, "token_id" | "name"> & Pick<ModelRow, "model"> & Pick<ProviderRow, "provider">> & Sums;

/** What a row is called; what is gone keeps its number. */
export function named(row: AnyRow, by: By, words: { noKey: string; gone: (id: string) => string }): NamedRow {
  const stored = (id: number | null | undefined) => row.name ?? (id ? words.gone(`#${id}`) : words.noKey);
  const found: Record<By, [name: string, calls: LogSearch | undefined]> = {
    models: [row.model ?? "—", row.model ? { model: row.model } : undefined],
    keys: [stored(row.key_id), row.key_id ? { key_id: row.key_id } : undefined],
    providers: [row.provider ?? words.noKey, undefined],
    tokens: [stored(row.token_id), row.token_id ? { token_id: row.token_id } : undefined],
  };
  const [name, calls] = found[by];
  return { ...row, id: `${by} ${row.model ?? row.key_id ?? row.token_id ?? row.provider ?? ""}`, name, calls };
}

function Share({ part, children }: { part: number; children: ReactNode }) {
  return (
    <span className="share">
      {children}
      <span className="bar-track" aria-hidden>
        <span style={{ width: `${100 * part}%` }} />
      </span>
    </span>
  );
}

interface Props {
  rows: readonly NamedRow[];
  by: By;
  /** The period, for the links into the log. */
  period: Pick<LogSearch, "span" | "from" | "to">;
}

export function SumsTable({ rows, by, period }: Props) {
  const { text, format } = useText();
  const words = useWords(both);
  const cost = rows.reduce((sum, row) => sum + Number(row.cost), 0);
  const columns: Column<NamedRow>[] = [
    {
      id: "name",
      title: words.bys[by] ?? by,
      head: true,
      by: ({ name }) => name,
      cell: ({ name, calls }) => (calls ? <Link to="/requests" search={{ ...period, ...calls }} className="inert">{name}</Link> : <span className="inert">{name}</span>),
    },
    { id: "requests", title: text.common.requests, number: true, by: ({ requests }) => requests, cell: ({ requests }) => format.whole(requests) },
    {
      id: "errors",
      title: words.errorRate,
      number: true,
      by: ({ errors, requests }) => (requests > 0 ? errors / requests : null),
      cell: ({ errors, requests }) => <span className={errors > 0 ? "alarming" : "soft"}>{format.share(errors, requests)}</span>,
    },
    { id: "input", title: words.input, number: true, by: ({ input_tokens }) => input_tokens, cell: ({ input_tokens }) => format.short(input_tokens) },
    {
      id: "cached",
      title: words.cached,
      number: true,
      wide: true,
      by: ({ cache_read_tokens }) => cache_read_tokens,
      cell: ({ cache_read_tokens, input_tokens }) => format.share(cache_read_tokens, input_tokens),
    },
    { id: "output", title: words.output, number: true, wide: true, by: ({ output_tokens }) => output_tokens, cell: ({ output_tokens }) => format.short(output_tokens) },
    {
      id: "latency",
      title: words.latency,
      number: true,
      wide: true,
      by: ({ latency_ms }) => latency_ms.p50,
      cell: ({ latency_ms: { p50 } }) => (p50 === null ? "—" : format.span(p50)),
    },
    {
      id: "cost",
      title: text.common.cost,
      number: true,
      by: (row) => Number(row.cost),
      cell: (row) => <Share part={cost > 0 ? Number(row.cost) / cost : 0}>{format.usd(row.cost)}</Share>,
    },
  ];
  return <DataTable label={words.by} columns={columns} rows={rows} id={({ id }) => id} nameOf={({ name }) => name} initial={{ id: "cost", direction: "down" }} />;
}
