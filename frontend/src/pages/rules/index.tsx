// What upstreams' errors mean, where operators know better than the built-in rules.

import { Button } from "antd";
import { useState } from "react";
import { useAccess } from "../../access/session";
import { Confirm } from "../../components/confirm";
import { Empty } from "../../components/empty";
import { Page, Panel, Waiting } from "../../components/page";
import { useVerdictText } from "../../components/reason";
import { Badge, Tag } from "../../components/state";
import { type Column, DataTable } from "../../components/table";
import { Absent, isAbsent, Trouble } from "../../components/trouble";
import { send } from "../../services/http";
import { useRead, useRefresh } from "../../services/query";
import type { List } from "../../services/types";
import { useText, useWords } from "../../text";
import { RuleForm } from "./form";
import type { Rule } from "./rule";
import "./rules.css";
import { words as both } from "./text";

function Fits({ rule }: { rule: Rule }) {
  const words = useWords(both);
  const said = [
    rule.status.length > 0 && words.status(rule.status.join(", ")),
    rule.code.length > 0 && words.code(rule.code.join(", ")),
    rule.text.length > 0 && words.saying(rule.text.join("”, “")),
  ].filter(Boolean);
  return (
    <>
      <span className="inert">{said.join(", ") || words.anything}</span> <Tag>{rule.provider ?? words.everyProvider}</Tag>
    </>
  );
}

type Open = { what: "new" } | { what: "edit" | "delete"; rule: Rule };

function useColumns(onOpen: (open: Open) => void): Column<Rule>[] {
  const { text, format } = useText();
  const words = useWords(both);
  const verdict = useVerdictText();
  const { mayChange } = useAccess();
  return [
    {
      id: "name",
      title: text.common.name,
      head: true,
      cell: ({ name, enabled }) => (
        <>
          <strong className="inert">{name}</strong> {!enabled && <Badge mood="idle">{words.off}</Badge>}
        </>
      ),
    },
    { id: "fits", title: words.fits, cell: (rule) => <Fits rule={rule} /> },
    {
      id: "means",
      title: words.means,
      cell: ({ verdict: name, wait_seconds: wait }) => [verdict(name), wait !== null && words.waits(format.span(wait * 1_000))].filter(Boolean).join(" "),
    },
    {
      id: "actions",
      title: text.common.actions,
      cell: (rule) =>
        mayChange && (
          <div className="bar">
            <Button size="small" onClick={() => onOpen({ what: "edit", rule })}>{words.edit}</Button>
            <Button size="small" danger onClick={() => onOpen({ what: "delete", rule })}>{words.remove}</Button>
          </div>
        ),
    },
  ];
}

export function Rules() {
  const { text } = useText();
  const words = useWords(both);
  const { mayChange } = useAccess();
  const refresh = useRefresh();
  const [open, setOpen] = useState<Open>();
  const columns = useColumns(setOpen);
  const { data, error, refetch } = useRead<List<Rule>>("/api/rules");
  const close = () => setOpen(undefined);
  const add = mayChange && <Button type="primary" onClick={() => setOpen({ what: "new" })}>{words.add}</Button>;
  return (
    <Page title={text.pages.rules} actions={data && add}>
      <p className="soft">{words.why}</p>
      {error && !isAbsent(error) && <Trouble error={error} again={() => void refetch()} />}
      <Panel flush>
        {isAbsent(error) && <Absent />}
        {!data && !error && <Waiting />}
        {data && <DataTable label={text.pages.rules} columns={columns} rows={data.items} id={({ id }) => id} nameOf={({ name }) => name} empty={<Empty title={words.emptyTitle} action={add}>{words.emptyText}</Empty>} />}
      </Panel>
      {open?.what === "new" && <RuleForm onClose={close} />}
      {open?.what === "edit" && <RuleForm rule={open.rule} onClose={close} />}
      {open?.what === "delete" && (
        <Confirm title={words.removeTitle(open.rule.name)} action={words.remove} onClose={close} onConfirm={() => send(`/api/rules/${open.rule.id}`, { method: "DELETE" }).then(() => refresh("/api/rules"))}>
          {words.removeText}
        </Confirm>
      )}
    </Page>
  );
}
