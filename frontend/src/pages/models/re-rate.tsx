// Calls that were booked with a wrong price, or none, rated again: first what would change, then the change.

import { Button, Input } from "antd";
import { type FormEvent, useId, useState } from "react";
import { Dialog } from "../../components/dialog";
import { Field } from "../../components/field";
import { Fact, Facts } from "../../components/page";
import { tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { useOpened } from "../../components/when";
import { send } from "../../services/http";
import { useRefresh } from "../../services/query";
import { useText, useWords } from "../../text";
import { sumUsd } from "../statistics/series";
import { words as both } from "./price-text";

/** The answer of `POST /api/prices/re-rate`. */
interface Rated {
  calls: number;
  adjusted: number;
  became_known: number;
  still_unknown: number;
  before: string;
  after: string;
}

const PATIENCE_MS = 300_000;
const WEEK_MS = 7 * 86_400_000;

/** As the browser's field has it: in the reader's zone, to the minute. */
function localTime(at: number): string {
  const shifted = new Date(at - new Date(at).getTimezoneOffset() * 60_000);
  return shifted.toISOString().slice(0, 16);
}

function Preview({ rated }: { rated: Rated }) {
  const { format } = useText();
  const { reRate: words } = useWords(both);
  const difference = sumUsd([rated.after, rated.before.startsWith("-") ? rated.before.slice(1) : `-${rated.before}`]);
  return (
    <div aria-live="polite">
      <Facts>
        <Fact name={words.calls}>{format.whole(rated.calls)}</Fact>
        <Fact name={words.adjusted}>{format.whole(rated.adjusted)}</Fact>
        <Fact name={words.known}>{format.whole(rated.became_known)}</Fact>
        <Fact name={words.stillUnknown}>{format.whole(rated.still_unknown)}</Fact>
        <Fact name={words.before}><span title={rated.before}>{format.usd(rated.before)}</span></Fact>
        <Fact name={words.after}><span title={rated.after}>{format.usd(rated.after)}</span></Fact>
        <Fact name={words.change}><strong title={difference}>{format.usd(difference)}</strong></Fact>
      </Facts>
    </div>
  );
}

export function ReRate({ model: usual = "", onClose }: { model?: string; onClose: () => void }) {
  const { text, format } = useText();
  const { reRate: words } = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();
  const id = useId();
  const now = useOpened();
  const [from, setFrom] = useState(() => localTime(now - WEEK_MS));
  const [to, setTo] = useState(() => localTime(now + 60_000));
  const [model, setModel] = useState(usual);
  const [rated, setRated] = useState<Rated>();
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);

  async function rate(dryRun: boolean) {
    setBusy(true);
    setProblem(undefined);
    const body = { from: new Date(from).toISOString(), to: new Date(to).toISOString(), model: model.trim() || null, dry_run: dryRun };
    try {
      const found = await send<Rated>("/api/prices/re-rate", { method: "POST", body, patienceMs: PATIENCE_MS });
      if (dryRun) return setRated(found);
      void refresh("/api/statistics", "/api/requests", "/api/tokens", "/api/keys");
      tell(words.applied(format.whole(found.adjusted)));
      onClose();
    } catch (error) {
      setProblem(told(error));
    } finally {
      setBusy(false);
    }
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    void rate(true);
  }

  // What was shown is no longer what would be done.
  const changing = (set: (typed: string) => void) => (event: { target: { value: string } }) => (setRated(undefined), set(event.target.value));
  const footer = (
    <>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type={rated ? "default" : "primary"} htmlType="submit" form={id} loading={busy} disabled={!from || !to}>{words.preview}</Button>
      {rated && rated.adjusted > 0 && <Button type="primary" loading={busy} onClick={() => void rate(false)}>{words.apply(format.whole(rated.adjusted))}</Button>}
    </>
  );
  return (
    <Dialog title={words.title} onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={submit}>
        <p className="soft">{words.hint}</p>
        <div className="form-row">
          <Field label={words.from}><Input type="datetime-local" value={from} onChange={changing(setFrom)} /></Field>
          <Field label={words.to}><Input type="datetime-local" value={to} onChange={changing(setTo)} /></Field>
        </div>
        <Field label={words.model}><Input value={model} placeholder={words.everyModel} autoComplete="off" onChange={changing(setModel)} /></Field>
        {problem && <p className="problem" role="alert">{problem}</p>}
        {rated && <Preview rated={rated} />}
      </form>
    </Dialog>
  );
}
