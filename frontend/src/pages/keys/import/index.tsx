// Many keys at once: paste, look at what was understood, add, and keep the report.

import { Button, Input, Progress } from "antd";
import { type ChangeEvent, useDeferredValue, useEffect, useMemo, useState } from "react";
import { Dialog } from "../../../components/dialog";
import { csv, download } from "../../../components/download";
import { Field, Select } from "../../../components/field";
import { Badge, type Mood } from "../../../components/state";
import "../../../components/table.css";
import { useTroubleText } from "../../../components/trouble";
import { useRead, useRefresh } from "../../../services/query";
import type { List, Provider } from "../../../services/types";
import { useText, useWords } from "../../../text";
import { listOf } from "../form-values";
import { words as both } from "./text";
import { alreadyHere, counts, type Entry, forgetImport, type Job, pauseImport, startImport, useJob } from "./job";
import { type Line, masked, parseKeys } from "./parse";

const MOST_ROWS = 300;

const MOODS: Record<string, Mood> = { new: "good", added: "good", waiting: "idle", duplicate: "idle", twice: "idle" };

interface Row {
  line: number;
  key: string;
  provider: string;
  verdict: string;
  note?: string | undefined;
}

function Rows({ rows }: { rows: readonly Row[] }) {
  const words = useWords(both);
  const { columns, verdicts } = words;
  return (
    <div className="import-rows" tabIndex={0} role="region" aria-label={words.title}>
      <table className="table">
        <thead>
          <tr>
            <th scope="col">{columns.line}</th>
            <th scope="col">{columns.key}</th>
            <th scope="col">{columns.provider}</th>
            <th scope="col">{columns.verdict}</th>
          </tr>
        </thead>
        <tbody>
          {rows.slice(0, MOST_ROWS).map((row, at) => (
            <tr key={`${row.line}-${at}`}>
              <td className="number soft" data-label={columns.line}>{row.line}</td>
              <td data-label={columns.key}>{row.key}</td>
              <td data-label={columns.provider}>{row.provider}</td>
              <td data-label={columns.verdict}>
                <Badge mood={MOODS[row.verdict] ?? "bad"}>{verdicts[row.verdict] ?? row.verdict}</Badge>
                {row.note && <div className="soft small inert">{row.note}</div>}
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const QUIET_MS = 500;
const NOBODY: ReadonlyMap<number, number | undefined> = new Map();

/** Which of the lines the pool has already, asked when the typing has stopped. `lines` have to keep their identity. */
function useAlreadyHere(lines: readonly Line[]) {
  const [found, setFound] = useState({ lines, here: NOBODY });
  useEffect(() => {
    if (lines.length === 0) return;
    const timer = setTimeout(() => void alreadyHere(lines).then((here) => setFound({ lines, here })), QUIET_MS);
    return () => clearTimeout(timer);
  }, [lines]);
  return found.lines === lines ? found.here : NOBODY;
}

function Preview({ lines, here }: { lines: readonly Line[]; here: ReadonlySet<Line> }) {
  const words = useWords(both);
  const rows = lines.map((read) => {
    const { line, name, api_key, provider, guessed, verdict } = read;
    return {
      line,
      key: [name, masked(api_key ?? "")].filter(Boolean).join(" · "),
      provider: `${provider}${guessed ? ` (${words.guessed})` : ""}`,
      verdict: here.has(read) ? "duplicate" : verdict,
    };
  });
  return <Rows rows={rows} />;
}

function Paste({ onClose }: { onClose: () => void }) {
  const { text, format } = useText();
  const words = useWords(both);
  const refresh = useRefresh();
  const known = useRead<List<Provider>>("/api/providers").data;
  const providers = useMemo(() => known?.items ?? [], [known]);
  const [pasted, setPasted] = useState("");
  const [usual, setUsual] = useState("openai");
  const [tags, setTags] = useState("");
  const read = useDeferredValue(pasted);
  const lines = useMemo(() => parseKeys(read, new Set(providers.map(({ id }) => id)), usual), [read, providers, usual]);
  const wellFormed = useMemo(() => lines.filter(({ verdict }) => verdict === "new"), [lines]);
  const here = useAlreadyHere(wellFormed);
  const fresh = wellFormed.filter((_, at) => !here.has(at));

  const choose = (event: ChangeEvent<HTMLInputElement>) => void event.target.files?.[0]?.text().then(setPasted);
  const start = () => void startImport(fresh, listOf(tags), () => void refresh("/api/keys", "/api/statistics"));
  const footer = (
    <>
      <span className="soft import-note" aria-live="polite">
        {lines.length > 0 ? words.understood(format.whole(fresh.length), format.whole(lines.length)) : words.nothing}
      </span>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type="primary" disabled={fresh.length === 0} onClick={start}>
        {words.start(format.whole(fresh.length))}
      </Button>
    </>
  );
  return (
    <Dialog title={words.title} size="large" onClose={onClose} footer={footer}>
      <p className="soft">{words.hint}</p>
      <Field label={words.field}>
        <Input.TextArea rows={7} autoFocus spellCheck={false} className="code" value={pasted} onChange={(event) => setPasted(event.target.value)} />
      </Field>
      <label className="import-file soft small">
        {words.file} <input type="file" accept=".txt,.csv,.json,text/plain,text/csv,application/json" onChange={choose} />
      </label>
      <div className="form-row">
        <Field label={words.usual}>
          <Select value={usual} onChange={setUsual} options={providers.map(({ id, name }) => ({ value: id, label: name }))} />
        </Field>
        <Field label={words.tags}>
          <Input value={tags} onChange={(event) => setTags(event.target.value)} />
        </Field>
      </div>
      {lines.length > 0 && <Preview lines={lines} here={new Set(wellFormed.filter((_, at) => here.has(at)))} />}
    </Dialog>
  );
}

/** The report as a file: no credential is in it. */
function reportOf(entries: readonly Entry[], told: (error: unknown) => string): string {
  const rows = entries.map(({ line, name, hint, provider, outcome, why, id }) => [line, name, hint, provider, outcome, why ? told(why) : "", id]);
  return csv([["line", "name", "key", "provider", "outcome", "reason", "id"], ...rows]);
}

function Running({ job, onClose }: { job: Job; onClose: () => void }) {
  const { format } = useText();
  const words = useWords(both);
  const { text } = useText();
  const told = useTroubleText();
  const found = counts(job.entries);
  const done = job.entries.length - found.waiting;
  const rows = job.entries.map(({ line, name, hint, provider, outcome, why }) => ({
    line,
    key: name.includes(hint) ? name : `${name} · ${hint}`,
    provider,
    verdict: outcome,
    note: why ? told(why) : undefined,
  }));
  const footer = job.ended ? (
    <>
      <Button onClick={() => download("import.csv", reportOf(job.entries, told))}>{words.report}</Button>
      <Button onClick={forgetImport}>{words.again}</Button>
      <Button type="primary" onClick={() => (forgetImport(), onClose())}>
        {text.common.close}
      </Button>
    </>
  ) : (
    <>
      <Button onClick={() => pauseImport(!job.paused)}>{job.paused ? words.goOn : words.pause}</Button>
      <Button onClick={onClose}>{text.common.close}</Button>
    </>
  );
  return (
    <Dialog title={words.title} size="large" onClose={onClose} footer={footer}>
      <Progress percent={Math.floor((100 * done) / job.entries.length)} aria-label={words.title} />
      <p role="status">{words.done(format.whole(found.added), format.whole(found.duplicate), format.whole(found.failed))}</p>
      <Rows rows={rows} />
    </Dialog>
  );
}

export function ImportKeys({ onClose }: { onClose: () => void }) {
  const job = useJob();
  return job ? <Running job={job} onClose={onClose} /> : <Paste onClose={onClose} />;
}
