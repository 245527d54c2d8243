// The table of keys.

import { useAccess } from "../../access/session";
import { BalanceFigure } from "../../components/balance";
import { InlineEdit } from "../../components/inline-edit";
import { KeyState } from "../../components/key-state";
import { Tag } from "../../components/state";
import { type Column, DataTable } from "../../components/table";
import { rankOf } from "../../services/fitness";
import { useRead } from "../../services/query";
import type { Key, Table } from "../../services/types";
import { useText, useWords } from "../../text";
import { useKeyChanges } from "./changes";
import { filled, type KeyHours, trouble } from "./hours";
import { Strip } from "./strip";
import { words as both } from "./text";

const HOURS_EVERY_MS = 60_000;

function Name({ entry, onOpen }: { entry: Key; onOpen: (key: Key) => void }) {
  return (
    <>
      <button type="button" className="row-name" onClick={() => onOpen(entry)}>
        {entry.name}
      </button>
      <div className="soft small key-under">
        <span>{entry.provider}</span>
        <span className="code">{entry.api_key_hint}</span>
        {entry.tags.map((tag) => (
          <Tag key={tag}>{tag}</Tag>
        ))}
      </div>
    </>
  );
}

/** Priority and weight, changed where they stand. */
function Share({ entry }: { entry: Key }) {
  const words = useWords(both);
  const { mayChange } = useAccess();
  const { edit } = useKeyChanges();
  const { priority, weight } = entry;
  if (!mayChange) return `${priority} · ${weight}`;
  return (
    <>
      <InlineEdit numeric label={words.priority} value={String(priority)} onSave={(typed) => void edit(entry, "priority", typed)} /> ·{" "}
      <InlineEdit numeric label={words.share} value={String(weight)} onSave={(typed) => void edit(entry, "weight", typed)} />
    </>
  );
}

/** How each key did in the last hours; no column where the server does not tell. */
function useHours(): Column<Key>[] {
  const words = useWords(both);
  const { data } = useRead<Table<KeyHours>>("/api/statistics/keys/hours", { every: HOURS_EVERY_MS });
  if (!data) return [];
  const known = new Map(data.items.map(({ key_id, hours }) => [key_id, hours]));
  const of = ({ id }: Key) => known.get(id) ?? [];
  return [{ id: "hours", title: words.hours, by: (key) => trouble(of(key)), cell: (key) => <Strip hours={filled(of(key), data.from, data.to)} /> }];
}

function useColumns(onOpen: (key: Key) => void): Column<Key>[] {
  const { text, format } = useText();
  const words = useWords(both);
  const { common } = text;
  const hours = useHours();
  return [
    { id: "name", title: common.name, head: true, by: ({ name }) => name, cell: (key) => <Name entry={key} onOpen={onOpen} /> },
    { id: "state", title: common.state, by: (key) => -rankOf(key), cell: (key) => <KeyState entry={key} /> },
    ...hours,
    {
      id: "balance",
      title: words.balance,
      by: ({ balance_usd, balance }) => (balance === null ? null : Number(balance_usd ?? balance)),
      cell: (key) => <BalanceFigure entry={key} sources={words.sources} />,
    },
    { id: "requests", title: common.requests, number: true, by: ({ today }) => today.requests, cell: ({ today }) => format.whole(today.requests) },
    { id: "tokens", title: common.tokens, number: true, wide: true, by: ({ today }) => today.tokens, cell: ({ today }) => format.short(today.tokens) },
    { id: "cost", title: common.cost, number: true, by: ({ today }) => Number(today.cost), cell: ({ today }) => format.usd(today.cost) },
    {
      id: "weight",
      title: words.weight,
      number: true,
      wide: true,
      by: ({ priority }) => priority,
      cell: (key) => <Share entry={key} />,
    },
  ];
}

interface Props {
  keys: readonly Key[];
  selected: ReadonlySet<number>;
  onSelect: (selected: ReadonlySet<number>) => void;
  onOpen: (key: Key) => void;
  maySelect: boolean;
}

export function KeyTable({ keys, selected, onSelect, onOpen, maySelect }: Props) {
  const { pages } = useText().text;
  return (
    <DataTable
      label={pages.keys}
      columns={useColumns(onOpen)}
      rows={keys}
      id={({ id }) => id}
      nameOf={({ name }) => name}
      initial={{ id: "state", direction: "down" }}
      {...(maySelect && { selection: { selected, onSelect } })}
      onOpen={onOpen}
    />
  );
}
