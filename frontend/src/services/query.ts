// Questions and changes as React hooks: what was answered is kept, shared, and asked again.

import { keepPreviousData, QueryClient, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useCallback } from "react";
import { ApiError, type Query, send } from "./http";

/** The library may ask again after an error of the line; what the server refused it will refuse again. */
const worthAnother = (failures: number, error: Error) =>
  error instanceof ApiError && error.trouble === "away" && failures < 1;

export const makeClient = () =>
  new QueryClient({
    defaultOptions: {
      queries: { retry: worthAnother, staleTime: 2_000, refetchOnWindowFocus: true },
      mutations: { retry: false },
    },
  });

interface Reading<T> {
  query?: Query | undefined;
  /** Asks again so often, in milliseconds, while the page is looked at. */
  every?: number;
  enabled?: boolean;
  /** Whether an answer is the last word, so that nothing is asked again. */
  isFinal?: (answer: T) => boolean;
  /** Shows the last answer while another one is on its way. */
  keep?: boolean;
}

/** What `GET path` answers. Other questions below the same path are kept apart by `query`. */
export function useRead<T>(path: string, { query, every, isFinal, enabled = true, keep = false }: Reading<T> = {}) {
  return useQuery<T, ApiError>({
    queryKey: [path, query ?? {}],
    queryFn: ({ signal }) => send<T>(path, { query: query ?? {}, signal }),
    enabled,
    ...(every !== undefined && {
      refetchInterval: ({ state: { data } }) => (isFinal && data !== undefined && isFinal(data as T) ? false : every),
    }),
    ...(keep && { placeholderData: keepPreviousData }),
  });
}

/** Asks anew for everything at or below `paths`. */
export function useRefresh() {
  const client = useQueryClient();
  return useCallback(
    (...paths: string[]) =>
      client.invalidateQueries({
        predicate: ({ queryKey: [path] }) => paths.some((prefix) => String(path).startsWith(prefix)),
      }),
    [client],
  );
}

/** A change at the server, after which everything below `refreshes` is asked anew. */
export function useChange<In, Out>(change: (input: In) => Promise<Out>, ...refreshes: string[]) {
  const refresh = useRefresh();
  return useMutation<Out, ApiError, In>({ mutationFn: change, onSettled: () => void refresh(...refreshes) });
}
