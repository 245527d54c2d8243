// A table of up to some hundred rows: sorts, selects, opens a row; on a phone each row is a card.

import { Button, Checkbox } from "antd";
import { type ReactNode, useState } from "react";
import { useText } from "../text";
import { nextSort, type Sort, sorted } from "./sort";
import "./table.css";

export interface Column<Row> {
  id: string;
  title: string;
  cell: (row: Row) => ReactNode;
  /** By what the column sorts; without it, it does not. */
  by?: (row: Row) => number | string | null;
  /** Numbers stand at the end of their cell. */
  number?: boolean;
  /** The name of the row: its card's head on a phone. */
  head?: boolean;
  /** Left out where there is little room. */
  wide?: boolean;
}

interface Selection {
  selected: ReadonlySet<number>;
  onSelect: (selected: ReadonlySet<number>) => void;
}

interface Props<Row> {
  label: string;
  columns: Column<Row>[];
  rows: readonly Row[];
  id: (row: Row) => number | string;
  /** How to call a row to who does not see it. */
  nameOf: (row: Row) => string;
  initial?: Sort;
  selection?: Selection;
  onOpen?: (row: Row) => void;
  empty?: ReactNode;
}

const PAGE = 100;

function Head<Row>({ column, sort, onSort }: { column: Column<Row>; sort: Sort | undefined; onSort: () => void }) {
  const { common } = useText().text;
  const direction = sort?.id === column.id ? sort.direction : undefined;
  const mark = direction === "up" ? " ↑" : direction === "down" ? " ↓" : "";
  return (
    <th
      scope="col"
      className={classOf(column)}
      {...(direction && { "aria-sort": direction === "up" ? "ascending" : "descending" })}
    >
      {column.by ? (
        <button type="button" className="table-sort" title={common.sortBy(column.title)} onClick={onSort}>
          {column.title}
          <span aria-hidden>{mark}</span>
        </button>
      ) : (
        column.title
      )}
    </th>
  );
}

const classOf = <Row,>({ number, head, wide }: Column<Row>) =>
  [number && "table-number", head && "table-head", wide && "table-wide"].filter(Boolean).join(" ");

function toggled(selected: ReadonlySet<number>, id: number) {
  const next = new Set(selected);
  if (!next.delete(id)) next.add(id);
  return next;
}

function SelectAll<Row>({ rows, id, selection }: { rows: readonly Row[]; id: (row: Row) => number; selection: Selection }) {
  const { common } = useText().text;
  const ids = rows.map(id);
  const some = ids.some((id) => selection.selected.has(id));
  const all = ids.length > 0 && ids.every((id) => selection.selected.has(id));
  return (
    <th scope="col" className="table-check">
      <Checkbox
        aria-label={common.selectAll}
        checked={all}
        indeterminate={some && !all}
        onChange={() => selection.onSelect(new Set(all ? [] : ids))}
      />
    </th>
  );
}

export function DataTable<Row>(props: Props<Row>) {
  const { label, columns, rows, id, nameOf, initial, selection, onOpen, empty } = props;
  const { text, format } = useText();
  const [sort, setSort] = useState(initial);
  const [most, setMost] = useState(PAGE);
  if (rows.length === 0 && empty) return <>{empty}</>;

  const column = columns.find((column) => column.id === sort?.id);
  const shown = sorted(rows, column?.by, sort?.direction).slice(0, most);
  const number = id as (row: Row) => number;
  return (
    <>
      <div className="table-room">
        <table className="table" aria-label={label}>
          <thead>
            <tr>
              {selection && <SelectAll rows={rows} id={number} selection={selection} />}
              {columns.map((column) => (
                <Head key={column.id} column={column} sort={sort} onSort={() => setSort(nextSort(sort, column.id))} />
              ))}
            </tr>
          </thead>
          <tbody>
            {shown.map((row) => (
              <tr
                key={id(row)}
                className={onOpen && "table-open"}
                {...(selection && { "aria-selected": selection.selected.has(number(row)) })}
                onClick={(event) => onOpen && isPlain(event.target) && onOpen(row)}
              >
                {selection && (
                  <td className="table-check">
                    <Checkbox
                      aria-label={`${text.common.select} ${nameOf(row)}`}
                      checked={selection.selected.has(number(row))}
                      onChange={() => selection.onSelect(toggled(selection.selected, number(row)))}
                    />
                  </td>
                )}
                {columns.map((column) => (
                  <td key={column.id} className={classOf(column)} data-label={column.head ? undefined : column.title}>
                    {column.cell(row)}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      {rows.length > most && (
        <div className="table-more">
          <span className="soft">{text.common.shown(format.whole(shown.length), format.whole(rows.length))}</span>
          <Button onClick={() => setMost(most + 5 * PAGE)}>{text.common.more}</Button>
        </div>
      )}
    </>
  );
}

/** A click on a control in the row is for the control. */
const isPlain = (target: EventTarget) => !(target as Element).closest("a, button, input, label, select, textarea, dialog");
