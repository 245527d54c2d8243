// All that is known of one key.

import { Link } from "@tanstack/react-router";
import { Button } from "antd";
import { useMemo, useState } from "react";
import { Confirm } from "../../components/confirm";
import { Drawer } from "../../components/dialog";
import { KeyState } from "../../components/key-state";
import { Fact, Facts } from "../../components/page";
import { Tag } from "../../components/state";
import { Moment } from "../../components/when";
import { useAccess } from "../../access/session";
import { type KeyWord, wordOf } from "../../services/fitness";
import { useRead } from "../../services/query";
import type { Call, Key, KeyHealth, List } from "../../services/types";
import { useText, useWords } from "../../text";
import { CallLine } from "../../components/call-line";
import { BudgetBar } from "../tokens/budget-bar";
import { BalancePanel } from "./balance-panel";
import { Causes } from "./causes";
import { useKeyChanges } from "./changes";
import { Days } from "./days";
import { KeyForm } from "./form";
import { KeyName, KeyNotes } from "./notes";
import { HealthHistory } from "./health-history";
import { TestMany } from "./test-many";
import { words as both } from "./text";

const LAST_CALLS = 50;

type Words = (typeof both)["en"]["drawer"];

function why(word: KeyWord, words: Words): string {
  const answers: Record<KeyWord, string> = {
    ready: words.whyReady,
    paused: words.whyPaused,
    cooling: words.whyCooling,
    out_of_credit: words.whyCredit,
    out_of_budget: words.whyBudget,
    rejected: words.whyRejected,
    probing: words.whyProbing,
  };
  return answers[word] ?? "";
}

function limitsOf({ limits }: Key, words: Words, whole: (count: number) => string): string {
  const said = [
    limits.rpm && words.rpm(whole(limits.rpm)),
    limits.tpm && words.tpm(whole(limits.tpm)),
    limits.concurrency && words.concurrency(whole(limits.concurrency)),
  ].filter(Boolean);
  return said.length > 0 ? said.join(", ") : words.noLimits;
}

function Reach({ entry, keys }: { entry: Key; keys: readonly Key[] }) {
  const { format } = useText();
  const { drawer: words } = useWords(both);
  const sharing = keys.filter(({ proxy_ip }) => proxy_ip === entry.proxy_ip).length;
  const { models, models_denied: denied } = entry;
  return (
    <Facts>
      <Fact name={words.upstream}>{entry.base_url ?? entry.provider}</Fact>
      <Fact name={words.proxy}>
        {entry.proxy_ip || words.direct} {entry.proxy_ip && sharing > 1 && <Tag>{words.shared(format.whole(sharing))}</Tag>}
      </Fact>
      <Fact name={words.ua}>{entry.ua || words.ownUa}</Fact>
      <Fact name={words.models}>
        {models.length > 0 ? models.join(", ") : words.allModels} {denied.length > 0 && words.without(denied.join(", "))}
      </Fact>
      <Fact name={words.limits}>{limitsOf(entry, words, format.whole)}</Fact>
      {entry.account && <Fact name={words.account}>{entry.account}</Fact>}
      <Fact name={words.fingerprint}>
        <span className="code">{entry.fingerprint}</span>
      </Fact>
      <Fact name={words.created}>
        <Moment at={entry.create_time} />
      </Fact>
    </Facts>
  );
}

function ModelStates({ id }: { id: number }) {
  const { drawer: words } = useWords(both);
  const { data } = useRead<KeyHealth>(`/api/keys/${id}/health`, { every: 5_000 });
  const models = data?.models ?? [];
  if (models.length === 0) return <p className="soft">{words.healthNone}</p>;
  return (
    <ul className="model-states" role="list">
      {models.map(({ model, ...status }) => (
        <li key={model}>
          <strong className="inert">{model}</strong>
          <KeyState entry={{ enabled: true, status }} />
        </li>
      ))}
    </ul>
  );
}

function LastCalls({ id }: { id: number }) {
  const { drawer: words } = useWords(both);
  const { data } = useRead<List<Call>>("/api/requests", { query: { key_id: id, limit: LAST_CALLS } });
  const calls = data?.items ?? [];
  return (
    <>
      {data && calls.length === 0 && <p className="soft">{words.noCalls}</p>}
      <ul className="call-lines" role="list">
        {calls.map((call) => (
          <CallLine key={call.id} call={call} />
        ))}
      </ul>
      {calls.length > 0 && (
        <Link to="/requests" search={{ key_id: id }}>
          {words.allCalls}
        </Link>
      )}
    </>
  );
}

function Actions({ entry, onEdit, onTest, onDelete }: { entry: Key; onEdit: () => void; onTest: () => void; onDelete: () => void }) {
  const words = useWords(both);
  const { setEnabled, reset } = useKeyChanges();
  const resting = wordOf(entry) !== "ready" && entry.enabled;
  return (
    <div className="bar">
      <Button type="primary" onClick={onTest}>{words.test}</Button>
      {resting && <Button onClick={() => void reset(entry)}>{words.reset}</Button>}
      <Button onClick={() => void setEnabled(entry, !entry.enabled)}>{entry.enabled ? words.pause : words.resume}</Button>
      <Button onClick={onEdit}>{words.drawer.edit}</Button>
      <Button danger onClick={onDelete}>{words.remove}</Button>
    </div>
  );
}

interface Props {
  entry: Key;
  keys: readonly Key[];
  onClose: () => void;
}

export function KeyDrawer({ entry, keys, onClose }: Props) {
  const { text, format } = useText();
  const words = useWords(both);
  const { mayChange } = useAccess();
  const { remove } = useKeyChanges();
  const [open, setOpen] = useState<"edit" | "test" | "delete">();
  const tested = useMemo(() => [entry], [entry]);
  const close = () => setOpen(undefined);
  const { today } = entry;
  return (
    <Drawer title={<KeyName entry={entry} />} size="large" onClose={onClose} note={<span className="soft">{entry.provider} <span className="code">{entry.api_key_hint}</span></span>}>
      {mayChange && <Actions entry={entry} onEdit={() => setOpen("edit")} onTest={() => setOpen("test")} onDelete={() => setOpen("delete")} />}
      <div className="why">
        <KeyState entry={entry} lines={6} />
        <p className="small">
          <span className="soft">{words.drawer.why}</span> {why(wordOf(entry), words.drawer)}
        </p>
      </div>
      <KeyNotes entry={entry} />
      <Facts>
        <Fact name={`${text.common.requests}, ${text.common.today}`}>{format.whole(today.requests)}</Fact>
        <Fact name={`${text.common.tokens}, ${text.common.today}`}>{format.whole(today.tokens)}</Fact>
        <Fact name={`${text.common.cost}, ${text.common.today}`}>{format.usd(today.cost)}</Fact>
      </Facts>
      {entry.budget && <BudgetBar budget={entry.budget} />}
      <Days id={entry.id} />
      <h3>{words.drawer.balance}</h3>
      <BalancePanel entry={entry} />
      <h3>{words.drawer.health}</h3>
      <ModelStates id={entry.id} />
      <Causes id={entry.id} />
      <HealthHistory id={entry.id} />
      <h3>{words.drawer.reach}</h3>
      <Reach entry={entry} keys={keys} />
      <h3>{words.drawer.calls}</h3>
      <LastCalls id={entry.id} />
      {open === "edit" && <KeyForm entry={entry} onClose={close} />}
      {open === "test" && <TestMany keys={tested} onClose={close} />}
      {open === "delete" && (
        <Confirm title={words.removeTitle(entry.name)} action={words.remove} onConfirm={() => remove(entry).then(onClose)} onClose={close}>
          {words.removeText}
        </Confirm>
      )}
    </Drawer>
  );
}
