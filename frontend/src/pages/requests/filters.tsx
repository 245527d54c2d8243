// What narrows the log. All of it stands in the URL.

import { Button, Switch } from "antd";
import { useId } from "react";
import { Select } from "../../components/field";
import { Chips, SearchField } from "../../components/filters";
import { Bar } from "../../components/page";
import { spans } from "../../services/search";
import type { ClientToken, Key } from "../../services/types";
import { useText, useWords } from "../../text";
import { type Facet, facets, leftOut, type LogSearch, USUAL_SPAN, withLeftOut } from "./filter";
import { words as both } from "./text";
import { Views } from "./views";

interface Names {
  keys: readonly Key[];
  tokens: readonly ClientToken[];
  keyName: (id: number | null) => string;
  tokenName: (id: number | null) => string;
}

interface Props {
  search: LogSearch;
  set: (change: Partial<Record<keyof LogSearch, string | number | undefined>>) => void;
  names: Names;
  live: boolean;
  onLive: (live: boolean) => void;
  onCsv: () => void;
}

const named = ({ id, name }: { id: number; name: string }) => ({ value: String(id), label: name });

function Period({ search, set }: Pick<Props, "search" | "set">) {
  const { format } = useText();
  const words = useWords(both);
  const { from, to } = search;
  if (from) {
    const shown = words.fromTo(format.hour(Date.parse(from)), to ? format.hour(Date.parse(to)) : "…");
    return (
      <Button onClick={() => set({ from: undefined, to: undefined })}>
        {shown} <span aria-hidden>✕</span>
      </Button>
    );
  }
  const options = spans.map((span) => ({ value: span, label: words.spans[span] ?? span }));
  return <Select label={words.period} value={search.span ?? USUAL_SPAN} onChange={(span) => set({ span })} options={options} />;
}

/** What is narrowed to and left out, each with a way to let it go. */
function Narrowed({ search, set, names }: Pick<Props, "search" | "set" | "names">) {
  const words = useWords(both);
  const called: Record<Facet, (value: string) => string> = {
    key_id: (id) => names.keyName(Number(id)),
    token_id: (id) => names.tokenName(Number(id)),
    model: (model) => model,
    error_type: (kind) => words.errors[kind] ?? kind,
  };
  const out = facets.flatMap((facet) => leftOut(search, facet).map((value) => ({ facet, value })));
  return (
    <>
      {(["model", "error_type"] as const).map(
        (name) =>
          search[name] && (
            <Button key={name} onClick={() => set({ [name]: undefined })}>
              {name === "model" ? words.model : words.errorType}: {called[name](search[name])} <span aria-hidden>✕</span>
            </Button>
          ),
      )}
      {out.map(({ facet, value }) => (
        <Button key={`${facet} ${value}`} onClick={() => set(withLeftOut(search, facet, value, false))}>
          {words.without(called[facet](value))} <span aria-hidden>✕</span>
        </Button>
      ))}
    </>
  );
}

export function Filters({ search, set, names, live, onLive, onCsv }: Props) {
  const { keys, tokens } = names;
  const words = useWords(both);
  const liveId = useId();
  const states = [
    { value: "", label: words.everything },
    { value: "success", label: words.success },
    { value: "error", label: words.error },
    { value: "open", label: words.open },
  ];
  return (
    <Bar>
      <SearchField value={search.q} placeholder={words.search} onChange={(q) => set({ q })} />
      <Period search={search} set={set} />
      <Chips label={words.columns.state} value={search.status ?? ""} options={states} onChange={(status) => set({ status })} />
      <Select label={words.everyKey} value={String(search.key_id ?? "")} onChange={(key_id) => set({ key_id })} options={[{ value: "", label: words.everyKey }, ...keys.map(named)]} />
      <Select label={words.everyToken} value={String(search.token_id ?? "")} onChange={(token_id) => set({ token_id })} options={[{ value: "", label: words.everyToken }, ...tokens.map(named)]} />
      <Narrowed search={search} set={set} names={names} />
      <Views search={search} />
      <span className="switch-row">
        <Switch id={liveId} checked={live} onChange={onLive} aria-label={words.live} />
        <label htmlFor={liveId}>{words.live}</label>
      </span>
      <Button type="text" onClick={onCsv}>
        {words.csv}
      </Button>
    </Bar>
  );
}

