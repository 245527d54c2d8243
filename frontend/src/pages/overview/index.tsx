// The page an operator opens first: can the pool answer, what did today cost, which key needs attention.

import { useNavigate, useSearch } from "@tanstack/react-router";
import { Button } from "antd";
import { useCallback, useEffect } from "react";
import { Page, Panel, Waiting } from "../../components/page";
import { BarList } from "../../components/spark";
import { Trouble } from "../../components/trouble";
import { Ago, useOpened } from "../../components/when";
import { useRead } from "../../services/query";
import type { ClientToken, Key, List, ModelRow, Overview as OverviewSums, Table, TimelineRow } from "../../services/types";
import { useText, useWords } from "../../text";
import { Attention } from "./attention";
import { DAY_MS, midnight } from "./compare";
import { FirstSteps } from "./first-steps";
import { Fitness } from "./fitness";
import { Live } from "./live";
import "./overview.css";
import { words as both } from "./text";
import { Today } from "./today";

const EVERY_MS = 5_000;
const SLOW_MS = 30_000;

function SpendByModel({ from }: { from: string }) {
  const { format } = useText();
  const words = useWords(both);
  const { data } = useRead<Table<ModelRow>>("/api/statistics/models", { query: { from }, every: SLOW_MS });
  const items = (data?.items ?? [])
    .filter(({ requests }) => requests > 0)
    .map(({ model, cost, requests }) => ({
      id: model,
      name: model,
      value: Number(cost),
      shown: format.usd(cost),
      note: format.whole(requests),
    }));
  return (
    <Panel title={words.byModel} note={words.day}>
      {items.length > 0 ? <BarList items={items} /> : <p className="soft">{words.noSpend}</p>}
    </Panel>
  );
}

function Numbers({ sums, start, at }: { sums: OverviewSums; start: number; at: number }) {
  const from = new Date(start).toISOString();
  const weekAgo = new Date(start - 7 * DAY_MS).toISOString();
  const hours = useRead<Table<TimelineRow>>("/api/statistics/timeline", {
    query: { from: weekAgo, granularity: "hour" },
    every: SLOW_MS,
  });
  const keys = useRead<List<Key>>("/api/keys", { every: EVERY_MS });
  const tokens = useRead<List<ClientToken>>("/api/tokens");
  const hasKeys = sums.keys.total > 0;
  const begins = !hasKeys || (sums.requests === 0 && tokens.data?.items.length === 0);
  return (
    <>
      {begins && <FirstSteps hasKeys={hasKeys} hasTokens={(tokens.data?.items.length ?? 0) > 0} />}
      <Today sums={sums} rows={hours.data?.items ?? []} now={at} />
      <div className="split">
        {keys.data && hasKeys && <Attention keys={keys.data.items} />}
        <div className="stack">
          <Live />
          <SpendByModel from={from} />
        </div>
      </div>
    </>
  );
}

/** The page alone and large, for a screen on a wall; Escape or the button brings the rest back. */
function useWall() {
  const navigate = useNavigate();
  const { wall } = useSearch({ from: "/" });
  const set = useCallback((on: boolean) => void navigate({ to: "/", search: on ? { wall: "on" } : {} }), [navigate]);
  useEffect(() => {
    if (!wall) return;
    document.documentElement.dataset.wall = "";
    const onKey = ({ key }: KeyboardEvent) => key === "Escape" && set(false);
    window.addEventListener("keydown", onKey);
    return () => {
      delete document.documentElement.dataset.wall;
      window.removeEventListener("keydown", onKey);
    };
  }, [wall, set]);
  return { wall: wall !== undefined, set };
}

export function Overview() {
  const { text } = useText();
  const words = useWords(both);
  const { wall, set } = useWall();
  // Fixed while the page is open, so that the question stays the same; a day later it is opened anew.
  const start = midnight(useOpened());
  const query = { from: new Date(start).toISOString() };
  const { data, error, dataUpdatedAt, refetch } = useRead<OverviewSums>("/api/statistics/overview", { query, every: EVERY_MS });
  const note = (
    <span className="overview-note">
      {data && <Fitness keys={data.keys} />}
      {dataUpdatedAt > 0 && <Ago at={dataUpdatedAt} />}
    </span>
  );
  return (
    <Page title={text.pages.overview} note={note} actions={<Button type="text" onClick={() => set(!wall)}>{wall ? text.common.close : words.wall}</Button>}>
      {error && <Trouble error={error} at={dataUpdatedAt} again={() => void refetch()} />}
      {data ? <Numbers sums={data} start={start} at={dataUpdatedAt} /> : !error && <Waiting />}
    </Page>
  );
}
