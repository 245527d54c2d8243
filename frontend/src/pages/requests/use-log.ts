// The rows of the log: pages of the past by need, and new ones as they come.

import { useInfiniteQuery } from "@tanstack/react-query";
import { useCallback, useEffect, useMemo, useState } from "react";
import { ApiError, type Query, send } from "../../services/http";
import { follow } from "../../services/follow";
import type { Call, List } from "../../services/types";
import { fits, type LogSearch, merged } from "./filter";

const PAGE = 200;
const FIRST_PAGE = 100;
/** New rows are shown so often and no more, in milliseconds: a busy pool would draw all the time. */
const SHOW_MS = 400;

/** One page; an older server that can not search for words gives all rows, and the words are looked for here. */
async function page(query: Query, signal: AbortSignal): Promise<List<Call>> {
  try {
    return await send<List<Call>>("/api/requests", { query, signal });
  } catch (error) {
    const { text, ...rest } = query;
    if (!text || !(error instanceof ApiError && error.complaint.field === "text")) throw error;
    return send<List<Call>>("/api/requests", { query: rest, signal });
  }
}

/** Rows of the past, the newest first. */
export function usePast(question: Query) {
  const found = useInfiniteQuery<List<Call>, ApiError, Call[], readonly unknown[], string | null>({
    queryKey: ["/api/requests", "log", question],
    queryFn: ({ pageParam, signal }) => page({ ...question, limit: pageParam ? PAGE : FIRST_PAGE, cursor: pageParam }, signal),
    initialPageParam: null,
    getNextPageParam: ({ next_cursor }) => next_cursor,
    select: ({ pages }) => pages.flatMap(({ items }) => items),
    staleTime: Number.POSITIVE_INFINITY,
    gcTime: 0,
  });
  const { hasNextPage, isFetchingNextPage, fetchNextPage } = found;
  const more = useCallback(() => {
    if (hasNextPage && !isFetchingNextPage) void fetchNextPage();
  }, [hasNextPage, isFetchingNextPage, fetchNextPage]);
  return { ...found, more };
}

interface Heard {
  /** The question they belong to. */
  asked: string;
  calls: readonly Call[];
}

/** The calls that came since the list was opened and fit it; none while it is not `on`. */
export function useLive(search: LogSearch, question: Query, on: boolean): readonly Call[] {
  const asked = useMemo(() => JSON.stringify([question, on]), [question, on]);
  const [heard, setHeard] = useState<Heard>({ asked, calls: [] });

  useEffect(() => {
    const [question, on] = JSON.parse(asked) as [Query, boolean];
    if (!on) return;
    const ended = new AbortController();
    let waiting: Call[] = [];
    const timer = setInterval(() => {
      if (waiting.length === 0) return;
      const calls = waiting;
      waiting = [];
      setHeard((heard) => ({ asked, calls: merged(calls, heard.asked === asked ? heard.calls : []) }));
    }, SHOW_MS);
    void follow(question, ended.signal, (calls) => waiting.push(...calls));
    return () => {
      ended.abort();
      clearInterval(timer);
    };
  }, [asked]);

  const calls = heard.asked === asked ? heard.calls : NONE;
  return useMemo(() => calls.filter((call) => fits(call, search)), [calls, search]);
}

const NONE: readonly Call[] = [];
