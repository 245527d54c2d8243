// What was used, over time and by whom.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { Button } from "antd";
import { useMemo } from "react";
import { csv, download } from "../../components/download";
import { Empty } from "../../components/empty";
import { Select } from "../../components/field";
import { Chips } from "../../components/filters";
import { Bar, Page, Panel, Waiting } from "../../components/page";
import { Stat, Stats } from "../../components/stat";
import { Trouble } from "../../components/trouble";
import { useOpened } from "../../components/when";
import { useRead } from "../../services/query";
import { period, type Span } from "../../services/search";
import type { ClientToken, Key, List, Sums, Table, TimelineRow } from "../../services/types";
import { useText, useWords } from "../../text";
import { granularityOf, inAll, type Metric } from "./series";
import "./statistics.css";
import { type By, named, type NamedRow, SumsTable } from "./sums";
import { words as both } from "./text";
import { TimelineChart } from "./timeline";

const USUAL: Span = "7d";
const METRICS: Metric[] = ["cost", "requests", "tokens", "errors", "latency"];
const BYS: By[] = ["models", "keys", "providers", "tokens"];
const HOUR_MS = 3_600_000;
/** Days are those of the reader. */
const ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

const COLUMNS = ["requests", "errors", "input_tokens", "cache_read_tokens", "cache_write_tokens", "output_tokens", "total_tokens", "cost", "unpriced_requests", "average_latency_ms"] as const;

/** The same by the hour or the day. */
const timesOf = (rows: readonly TimelineRow[]) => csv([["time", ...COLUMNS], ...rows.map((row) => [row.time, ...COLUMNS.map((column) => row[column])])]);

/** Exactly what is shown. */
function exportOf(rows: readonly NamedRow[], by: By): string {
  return csv([[by, ...COLUMNS], ...rows.map((row) => [row.name, ...COLUMNS.map((column) => row[column])])]);
}

function Totals({ rows }: { rows: readonly Sums[] }) {
  const { text, format } = useText();
  const words = useWords(both);
  const all = inAll(rows);
  return (
    <Stats>
      <Stat label={text.common.requests} value={format.whole(all.requests)} />
      <Stat label={words.errorRate} value={format.share(all.errors, all.requests)} note={format.whole(all.errors)} />
      <Stat label={text.common.tokens} value={format.short(all.tokens)} exact={format.whole(all.tokens)} />
      <Stat
        label={text.common.cost}
        value={format.usd(all.cost)}
        exact={`${all.cost} USD`}
        note={all.unpriced > 0 && text.common.unpriced(format.whole(all.unpriced), all.unpriced === 1)}
      />
    </Stats>
  );
}

const choice = ({ id, name }: { id: number; name: string }) => ({ value: String(id), label: name });

/** Of whose calls the sums are. */
function Narrow({ search, set }: { search: { key_id?: number; token_id?: number; model?: string; provider?: string }; set: (change: object) => void }) {
  const words = useWords(both);
  const keys = useRead<List<Key>>("/api/keys").data?.items ?? [];
  const tokens = useRead<List<ClientToken>>("/api/tokens").data?.items ?? [];
  return (
    <>
      <Select label={words.everyKey} value={String(search.key_id ?? "")} onChange={(key_id) => set({ key_id })} options={[{ value: "", label: words.everyKey }, ...keys.map(choice)]} />
      <Select label={words.everyToken} value={String(search.token_id ?? "")} onChange={(token_id) => set({ token_id })} options={[{ value: "", label: words.everyToken }, ...tokens.map(choice)]} />
      {(["model", "provider"] as const).map(
        (name) =>
          search[name] && (
            <Button key={name} onClick={() => set({ [name]: undefined })}>
              {search[name]} <span aria-hidden>✕</span>
            </Button>
          ),
      )}
    </>
  );
}

export function Statistics() {
  const { text, format } = useText();
  const words = useWords(both);
  const navigate = useNavigate();
  const search = useSearch({ from: "/statistics" });
  const now = useOpened();
  const { span, from: dragged, to, show = "cost", by = "models" } = search;
  const range = period({ ...(span && { span }), ...(dragged && { from: dragged }), ...(to && { to }) }, USUAL, Math.ceil(now / HOUR_MS) * HOUR_MS);
  const granularity = granularityOf(range.ms);
  const { key_id, token_id, model, provider } = search;
  const query = { from: range.from, to: range.to, key_id, token_id, model, provider };
  const line = useRead<Table<TimelineRow>>("/api/statistics/timeline", { query: { ...query, granularity, time_zone: ZONE }, keep: true });
  const table = useRead<Table<Sums>>(`/api/statistics/${by}`, { query, keep: true });
  const rows = useMemo(() => (table.data?.items ?? []).map((row) => named(row, by, words)), [table.data, by, words]);
  const times = line.data?.items ?? [];
  const set = (change: object) => void navigate({ to: "/statistics", search: { ...search, ...change }, replace: true });
  const zoom = (start: number, end: number) =>
    set({ from: new Date(Math.floor(start / HOUR_MS) * HOUR_MS).toISOString(), to: new Date(Math.ceil(end / HOUR_MS) * HOUR_MS).toISOString() });
  const error = line.error ?? table.error;
  return (
    <Page title={text.pages.statistics} note={`${format.hour(Date.parse(range.from))} – ${format.hour(range.to ? Date.parse(range.to) : now)} (${format.zone(now)})`}>
      <Bar>
        <Select
          label={words.period}
          value={dragged ? "" : (span ?? USUAL)}
          onChange={(span) => set({ span, from: undefined, to: undefined })}
          options={[...(dragged ? [{ value: "", label: "…" }] : []), ...Object.entries(words.spans).map(([value, label]) => ({ value, label }))]}
        />
        {dragged && <Button onClick={() => set({ from: undefined, to: undefined })}>{words.back}</Button>}
        <Narrow search={search} set={set} />
        <Chips label={words.metric} value={show} onChange={(show) => set({ show })} options={METRICS.map((value) => ({ value, label: words.metrics[value] }))} />
      </Bar>
      {error && <Trouble error={error} again={() => (void line.refetch(), void table.refetch())} />}
      {line.data ? <Totals rows={times} /> : !error && <Waiting />}
      <Panel
        title={words.metrics[show]}
        note={granularity === "hour" ? words.hourly : words.daily}
        actions={<Button aria-label={`${words.csv}: ${words.metrics[show]}`} disabled={times.length === 0} onClick={() => download("timeline.csv", timesOf(times))}>{words.csv}</Button>}
      >
        {line.data && <TimelineChart rows={times} metric={show} onZoom={zoom} />}
      </Panel>
      <Panel
        flush
        title={words.by}
        actions={
          <>
            <Chips label={words.by} value={by} onChange={(by) => set({ by })} options={BYS.map((value) => ({ value, label: words.bys[value] }))} />
            <Button onClick={() => download(`${by}.csv`, exportOf(rows, by))}>{words.csv}</Button>
          </>
        }
      >
        {rows.length > 0 ? <SumsTable rows={rows} by={by} period={dragged ? query as object : { ...(span && { span }) }} /> : table.data && <Empty title={words.emptyTitle}>{words.emptyText}</Empty>}
      </Panel>
    </Page>
  );
}
