// Prices from a list that an operator brings: what would change is shown before it does.

import { Button } from "antd";
import { type ChangeEvent, useId, useState } from "react";
import { Dialog } from "../../components/dialog";
import "../../components/table.css";
import { tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { send } from "../../services/http";
import { useRefresh } from "../../services/query";
import { useText, useWords } from "../../text";
import { differences } from "./price";
import { words as both } from "./price-text";
import type { PriceNow } from "./priced";

interface Change {
  provider: string;
  model: string;
  before: PriceNow | null;
  after: PriceNow;
}

/** The answer of `POST /api/prices/import`. */
interface Report {
  added: Change[];
  changed: Change[];
  unchanged: number;
  /** Rows that could not be read. */
  wrong: string[];
}

const PATIENCE_MS = 60_000;
const MOST_ROWS = 200;
const MOST_WRONG = 5;

const bring = (list: unknown, dryRun: boolean, note: string) =>
  send<Report>("/api/prices/import", { method: "POST", query: { dry_run: dryRun, note }, body: list, patienceMs: PATIENCE_MS });

function Differences({ changes }: { changes: readonly Change[] }) {
  const { format } = useText();
  const { import: words, classes } = useWords(both);
  const { columns } = words;
  return (
    <>
      <div className="price-changes" tabIndex={0} role="region" aria-label={words.title}>
        <table className="table">
          <thead>
            <tr>
              <th scope="col">{columns.model}</th>
              <th scope="col">{columns.what}</th>
              <th scope="col" className="table-number">{columns.before}</th>
              <th scope="col" className="table-number">{columns.after}</th>
            </tr>
          </thead>
          <tbody>
            {changes.slice(0, MOST_ROWS).flatMap(({ provider, model, before, after }) =>
              differences(before, after).map(({ name, ...row }, at) => (
                <tr key={`${provider} ${model} ${name}`}>
                  <td className="table-head inert">{at === 0 && `${provider}/${model}`}</td>
                  <td data-label={columns.what}>{classes[name]}</td>
                  <td data-label={columns.before} className="table-number">{row.before ?? "—"}</td>
                  <td data-label={columns.after} className="table-number">{row.after ?? "—"}</td>
                </tr>
              )),
            )}
          </tbody>
        </table>
      </div>
      {changes.length > MOST_ROWS && <p className="soft small">{words.most(format.whole(MOST_ROWS), format.whole(changes.length))}</p>}
    </>
  );
}

function Found({ report: { added, changed, unchanged, wrong } }: { report: Report }) {
  const { format } = useText();
  const { import: words } = useWords(both);
  const changes = [...changed, ...added];
  return (
    <>
      <p role="status">
        {changes.length === 0 && `${words.nothing} `}
        {words.sums(format.whole(added.length), format.whole(changed.length), format.whole(unchanged))}
      </p>
      {changes.length > 0 && <Differences changes={changes} />}
      {wrong.length > 0 && (
        <div className="small">
          {words.wrong(format.whole(wrong.length))}
          <ul>
            {wrong.slice(0, MOST_WRONG).map((why) => <li key={why} className="inert">{why}</li>)}
          </ul>
        </div>
      )}
    </>
  );
}

/** A list that was read, with what it would change. */
function useList() {
  const told = useTroubleText();
  const [brought, setBrought] = useState<{ list: unknown; name: string; report: Report }>();
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  async function read(file: File | undefined) {
    if (!file) return;
    setBusy(true);
    setBrought(undefined);
    setProblem(undefined);
    try {
      const list: unknown = JSON.parse(await file.text());
      setBrought({ list, name: file.name, report: await bring(list, true, file.name) });
    } catch (error) {
      setProblem(told(error));
    }
    setBusy(false);
  }
  return { brought, problem, setProblem, busy, setBusy, read };
}

export function PriceImport({ onClose }: { onClose: () => void }) {
  const { text, format } = useText();
  const { import: words } = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();
  const id = useId();
  const { brought, problem, setProblem, busy, setBusy, read } = useList();
  const changes = brought ? brought.report.added.length + brought.report.changed.length : 0;

  async function accept() {
    if (!brought) return;
    setBusy(true);
    try {
      const { added, changed } = await bring(brought.list, false, brought.name);
      void refresh("/api/models");
      tell(words.accepted(format.whole(added.length + changed.length)));
      onClose();
    } catch (error) {
      setProblem(told(error));
      setBusy(false);
    }
  }

  const footer = (
    <>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type="primary" disabled={changes === 0} loading={busy} onClick={() => void accept()}>{words.accept}</Button>
    </>
  );
  return (
    <Dialog title={words.title} size="large" onClose={onClose} footer={footer}>
      <p className="soft">{words.hint}</p>
      <div className="field">
        <label htmlFor={id}>{words.file}</label>
        <input id={id} type="file" accept=".json,application/json" onChange={(event: ChangeEvent<HTMLInputElement>) => void read(event.target.files?.[0])} />
      </div>
      {busy && !brought && <p role="status" className="soft">{words.reading}</p>}
      {problem && <p className="problem" role="alert">{problem}</p>}
      {brought && <Found report={brought.report} />}
    </Dialog>
  );
}
