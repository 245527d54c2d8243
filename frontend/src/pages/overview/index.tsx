// The page an operator opens first: can the pool answer, what did today cost, which key needs attention.

import { Alert, Skeleton } from "antd";
import { useCallback, useEffect } from "react";
import { troubleText } from "../../components/trouble";
import { type ApiError, readSnapshot, type Snapshot } from "../../services/api";
import type { Known } from "../../services/poll";
import { useNow, usePolled } from "../../services/use-polled";
import { useText } from "../../text";
import { FirstKey } from "./first-key";
import { Fitness } from "./fitness";
import { KeyList } from "./key-list";
import "./overview.css";
import { Totals } from "./totals";

const EVERY_MS = 5_000;

function Trouble({ error, at }: { error: ApiError; at: number | undefined }) {
  const { text, format } = useText();
  // A time of day and not an age: an alert that changes each second would be read out each second.
  const then = at === undefined ? text.trouble.retrying : text.trouble.stale(format.time(at));
  return <Alert type="error" showIcon role="alert" title={troubleText(error, text.trouble)} description={then} />;
}

function Updated({ at }: { at: number }) {
  const { text, format } = useText();
  return <span className="soft">{text.overview.updated(format.ago(at, useNow()))}</span>;
}

function Numbers({ overview, keys }: Snapshot) {
  const empty = overview.keys.total === 0 && keys.items.length === 0;
  return (
    <>
      <Totals overview={overview} />
      {empty ? <FirstKey /> : <KeyList keys={keys} total={overview.keys.total} />}
    </>
  );
}

function Body({ answer, at, error }: Known<Snapshot>) {
  const { text } = useText();
  return (
    <>
      <div className="overview-head">
        <h1>{text.overview.title}</h1>
        {answer && <Fitness keys={answer.overview.keys} />}
        {at !== undefined && <Updated at={at} />}
      </div>
      {error && <Trouble error={error} at={at} />}
      {answer && <Numbers {...answer} />}
      {!answer && !error && <Skeleton active aria-label={text.shell.asking} />}
    </>
  );
}

interface Props {
  token: string;
  /** The server no longer knows the token. */
  onRejected: () => void;
}

export function Overview({ token, onRejected }: Props) {
  const ask = useCallback((signal: AbortSignal) => readSnapshot(token, signal), [token]);
  const known = usePolled(ask, EVERY_MS);
  const rejected = known.error?.trouble === "unauthorized";
  useEffect(() => {
    if (rejected) onRejected();
  }, [rejected, onRejected]);
  return <Body {...known} />;
}
