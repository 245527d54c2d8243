// The log: every call, filtered, live, and explained.

import { Link, useNavigate, useSearch } from "@tanstack/react-router";
import { Button } from "antd";
import { useCallback, useMemo, useState } from "react";
import { csv, download } from "../../components/download";
import { Empty } from "../../components/empty";
import { Page, Panel, Waiting } from "../../components/page";
import { complain } from "../../components/toast";
import { isAbsent, Trouble, useTroubleText } from "../../components/trouble";
import { useOpened } from "../../components/when";
import { useNarrow } from "../../components/narrow";
import { WindowList } from "../../components/window-list";
import { ask, checked } from "../../services/http";
import { useRead } from "../../services/query";
import type { Call, ClientToken, Key, List } from "../../services/types";
import { useText, useWords } from "../../text";
import { Detail } from "./detail";
import { Filters } from "./filters";
import { type Facet, type LogSearch, merged, questionOf, says, withLeftOut } from "./filter";
import "./requests.css";
import { Head, Row } from "./row";
import { words as both } from "./text";
import { useLive, usePast } from "./use-log";

const ROW = 42;
const NARROW_ROW = 66;
const CSV_PATIENCE_MS = 120_000;

/** The names of keys and tokens, for rows that know only their ids. */
function useNames() {
  const keys = useRead<List<Key>>("/api/keys").data?.items;
  const tokens = useRead<List<ClientToken>>("/api/tokens").data?.items;
  const keyNames = useMemo(() => new Map(keys?.map(({ id, name }) => [id, name])), [keys]);
  const tokenNames = useMemo(() => new Map(tokens?.map(({ id, name }) => [id, name])), [tokens]);
  const all = useMemo(() => [...keyNames.values()], [keyNames]);
  const name = (names: Map<number, string>) => (id: number | null) => (id === null ? "—" : (names.get(id) ?? `#${id}`));
  return { all, keys: keys ?? [], tokens: tokens ?? [], keyNames, keyName: name(keyNames), tokenName: name(tokenNames) };
}

const FIELDS = ["create_time", "call_id", "key_id", "token_id", "provider", "model", "upstream_model", "input_tokens", "output_tokens", "cost", "latency_ms", "status", "http_status_code", "error_type"] as const;

/** The server's own export of the whole range; an older server gives the rows that are here. */
function useCsv(search: LogSearch, now: number, rows: readonly Call[]) {
  const told = useTroubleText();
  return async () => {
    const path = "/api/requests/export";
    try {
      const response = await checked(path, await ask(path, { query: questionOf(search, now), patienceMs: CSV_PATIENCE_MS }));
      download("requests.csv", await response.blob());
    } catch (error) {
      if (!isAbsent(error)) return complain(told(error));
      download("requests.csv", csv([FIELDS, ...rows.map((row) => FIELDS.map((field) => row[field]))]));
    }
  };
}

/** The rows, with the new ones among them; of those that came after the call `mark` only the number. */
function useLog(search: LogSearch, now: number, live: boolean, mark: number | undefined, names: readonly string[], keyName: (id: number | null) => string) {
  const question = useMemo(() => questionOf(search, now, names), [search, now, names]);
  const past = usePast(question);
  const fresh = useLive(search, question, live);
  const shown = useMemo(() => (mark === undefined ? fresh : fresh.filter(({ id }) => id <= mark)), [fresh, mark]);
  const all = useMemo(() => merged(shown, past.data ?? []), [shown, past.data]);
  const { q } = search;
  const rows = q ? all.filter((call) => says(call, q, ({ key_id }) => keyName(key_id))) : all;
  return { ...past, rows, waiting: fresh.length - shown.length };
}

function Nothing({ filtered, onClear }: { filtered: boolean; onClear: () => void }) {
  const { text } = useText();
  const words = useWords(both);
  if (filtered) return <Empty title={text.common.noMatch} action={<Button onClick={onClear}>{text.common.clearFilters}</Button>} />;
  return (
    <Empty title={words.emptyTitle} action={<Link to="/playground">{text.pages.playground}</Link>}>
      {words.emptyText}
    </Empty>
  );
}

export function Requests() {
  const { text, format } = useText();
  const words = useWords(both);
  const navigate = useNavigate();
  const search = useSearch({ from: "/requests" }) as LogSearch;
  const opened = useOpened();
  const names = useNames();
  const narrow = useNarrow();
  const [live, setLive] = useState(true);
  // Who has scrolled down reads: what comes then is counted and does not move the rows.
  const [mark, setMark] = useState<number>();
  const { open, ...filters } = search;
  const log = useLog(search, opened, live, mark, names.all, names.keyName);
  const exportIt = useCsv(search, opened, log.rows);

  const set = useCallback(
    (change: object) => void navigate({ to: "/requests", search: (search) => ({ ...search, ...change }) as LogSearch, replace: true }),
    [navigate],
  );
  const onFacet = useCallback(
    (facet: Facet, value: string | number, out: boolean) =>
      void navigate({
        to: "/requests",
        search: (search) => ({ ...search, ...(out ? withLeftOut(search as LogSearch, facet, value, true) : { [facet]: value }) }) as LogSearch,
        replace: true,
      }),
    [navigate],
  );
  const onOpen = useCallback((call: Call) => set({ open: call.call_id }), [set]);
  const onTop = (atTop: boolean) => setMark(atTop ? undefined : (mark ?? log.rows[0]?.id));
  const row = (index: number) => {
    const call = log.rows[index];
    if (!call) return null;
    return <Row key={call.id} call={call} index={index} keyNames={names.keyNames} onOpen={onOpen} onFacet={onFacet} />;
  };
  return (
    <Page title={text.pages.requests} note={log.data && words.loaded(format.whole(log.rows.length), log.hasNextPage)}>
      <Filters search={search} set={set} names={names} live={live} onLive={setLive} onCsv={() => void exportIt()} />
      {log.error && <Trouble error={log.error} again={() => void log.refetch()} />}
      <Panel flush>
        {log.isPending && <Waiting rows={10} />}
        {log.data && log.rows.length === 0 && <Nothing filtered={Object.keys(filters).length > 0} onClear={() => void navigate({ to: "/requests", search: {} })} />}
        {log.rows.length > 0 && (
          <div className="log">
            <WindowList label={text.pages.requests} count={log.rows.length} rowHeight={narrow ? NARROW_ROW : ROW} row={row} head={<Head />} onEnd={log.more} onTop={onTop} />
            {log.waiting > 0 && (
              <Button className="log-fresh" type="primary" shape="round" onClick={() => (setMark(undefined), document.querySelector(".window-room")?.scrollTo({ top: 0 }))}>
                {words.fresh(format.whole(log.waiting), log.waiting === 1)}
              </Button>
            )}
          </div>
        )}
      </Panel>
      {open && <Detail id={open} keyName={names.keyName} tokenName={names.tokenName} onFacet={onFacet} onClose={() => set({ open: undefined })} />}
    </Page>
  );
}
