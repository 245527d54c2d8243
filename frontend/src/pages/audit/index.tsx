// What admins did.

import { useInfiniteQuery } from "@tanstack/react-query";
import { Button } from "antd";
import { Empty } from "../../components/empty";
import { Page, Panel, Waiting } from "../../components/page";
import { Badge } from "../../components/state";
import { type Column, DataTable } from "../../components/table";
import { Absent, isAbsent, Trouble } from "../../components/trouble";
import { Moment } from "../../components/when";
import { type ApiError, send } from "../../services/http";
import type { Deed, List } from "../../services/types";
import { useText, useWords } from "../../text";
import "./audit.css";
import { told } from "./detail";
import { words as both } from "./text";

const PAGE = 100;

function useEntries() {
  return useInfiniteQuery<List<Deed>, ApiError, Deed[], readonly unknown[], string | null>({
    queryKey: ["/api/audit"],
    queryFn: ({ pageParam, signal }) => send<List<Deed>>("/api/audit", { query: { limit: PAGE, cursor: pageParam }, signal }),
    initialPageParam: null,
    getNextPageParam: ({ next_cursor }) => next_cursor,
    select: ({ pages }) => pages.flatMap(({ items }) => items),
  });
}

function Outcome({ status }: { status: number | null }) {
  const words = useWords(both);
  if (status === null) return <Badge mood="warn">{words.broke}</Badge>;
  return <Badge mood={status < 400 ? "good" : "bad"}>{status}</Badge>;
}

function useColumns(): Column<Deed>[] {
  const { text } = useText();
  const words = useWords(both);
  return [
    { id: "time", title: text.common.time, head: true, cell: ({ create_time }) => <Moment at={create_time} /> },
    { id: "who", title: words.who, by: ({ actor }) => actor, cell: ({ actor }) => <strong className="audit-word">{actor}</strong> },
    { id: "did", title: words.did, by: ({ action }) => action, cell: ({ action }) => <span className="audit-word">{action}</span> },
    { id: "what", title: words.what, cell: ({ object }) => <span className="inert">{object}</span> },
    { id: "detail", title: words.detail, wide: true, cell: ({ detail }) => <span className="small soft inert">{told(detail)}</span> },
    { id: "from", title: words.from, wide: true, cell: ({ address }) => <span className="number soft">{address}</span> },
    { id: "outcome", title: words.outcome, by: ({ http_status_code }) => http_status_code, cell: ({ http_status_code }) => <Outcome status={http_status_code} /> },
  ];
}

export function Audit() {
  const { text } = useText();
  const words = useWords(both);
  const columns = useColumns();
  const { data, error, isPending, refetch, hasNextPage, fetchNextPage, isFetchingNextPage } = useEntries();
  return (
    <Page title={text.pages.audit} note={words.why}>
      {error && (isAbsent(error) ? <Panel><Absent /></Panel> : <Trouble error={error} again={() => void refetch()} />)}
      {(isPending || data) && !error && (
        <Panel flush>
          {isPending && <Waiting rows={8} />}
          {data && <DataTable label={text.pages.audit} columns={columns} rows={data} id={({ id }) => id} nameOf={({ action }) => action} empty={<Empty title={words.emptyTitle}>{words.emptyText}</Empty>} />}
          {hasNextPage && (
            <div className="table-more">
              <Button loading={isFetchingNextPage} onClick={() => void fetchNextPage()}>{text.common.more}</Button>
            </div>
          )}
        </Panel>
      )}
    </Page>
  );
}
