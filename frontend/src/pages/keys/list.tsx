// The table of keys.

import { BalanceFigure } from "../../components/balance";
import { KeyState } from "../../components/key-state";
import { Tag } from "../../components/state";
import { type Column, DataTable } from "../../components/table";
import { rankOf } from "../../services/fitness";
import type { Key } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

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

function useColumns(onOpen: (key: Key) => void): Column<Key>[] {
  const { text, format } = useText();
  const words = useWords(both);
  const { common } = text;
  return [
    { id: "name", title: common.name, head: true, by: ({ name }) => name, cell: (key) => <Name entry={key} onOpen={onOpen} /> },
    { id: "state", title: common.state, by: (key) => -rankOf(key), cell: (key) => <KeyState entry={key} /> },
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
      cell: ({ priority, weight }) => `${priority} · ${weight}`,
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
