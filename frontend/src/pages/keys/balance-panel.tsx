// What a key has left, as each source says it, with its age; and the way to ask again or to say it oneself.

import { Button, Input } from "antd";
import { useState } from "react";
import { useAccess } from "../../access/session";
import { BalanceFigure } from "../../components/balance";
import { Field } from "../../components/field";
import { Fact, Facts } from "../../components/page";
import { Badge } from "../../components/state";
import { useTroubleText } from "../../components/trouble";
import { Ago, useNow } from "../../components/when";
import { send } from "../../services/http";
import { useChange, useRead } from "../../services/query";
import type { Balance, Key } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

const PATIENCE_MS = 60_000;

function Sources({ balance }: { balance: Balance }) {
  const { format } = useText();
  const { balancePanel: words } = useWords(both);
  const { reported, computed, manual, burn, days_left: days } = balance;
  const daily = burn.reported_per_day ?? burn.booked_per_day;
  return (
    <Facts>
      {reported && (
        <Fact name={words.reported}>
          {reported.amount === null ? "—" : format.money(reported.amount, reported.currency ?? "USD")} <span className="soft small"><Ago at={reported.at} /></span>
        </Fact>
      )}
      {computed && (
        <Fact name={words.computed}>
          {format.usd(computed.amount)} <span className="soft small">{words.ofTotal(format.usd(computed.total))}</span>
        </Fact>
      )}
      {manual && <Fact name={words.manual}>{format.money(manual.left ?? manual.amount, manual.currency)} <span className="soft small"><Ago at={manual.at} /></span></Fact>}
      {daily && Number(daily) > 0 && <Fact name={words.perDay(format.usd(daily))}>{days !== null && words.daysLeft(format.whole(Math.round(days)))}</Fact>}
      {balance.next_refresh && <Fact name={words.next}>{format.moment(Date.parse(balance.next_refresh))}</Fact>}
    </Facts>
  );
}

function Say({ id, onDone }: { id: number; onDone: () => void }) {
  const { text } = useText();
  const { balancePanel: words } = useWords(both);
  const told = useTroubleText();
  const [amount, setAmount] = useState("");
  const say = useChange((body: { amount: string }) => send(`/api/keys/${id}/balance`, { method: "PUT", body }), "/api/keys");
  return (
    <form
      className="form"
      onSubmit={(event) => {
        event.preventDefault();
        say.mutate({ amount: amount.trim() }, { onSuccess: onDone });
      }}
    >
      <Field label={words.sayField} problem={say.error ? told(say.error) : undefined}>
        <Input value={amount} autoFocus inputMode="decimal" onChange={(event) => setAmount(event.target.value)} />
      </Field>
      <div className="bar">
        <Button htmlType="submit" type="primary" loading={say.isPending}>{text.common.save}</Button>
        <Button onClick={onDone}>{text.common.cancel}</Button>
      </div>
    </form>
  );
}

export function BalancePanel({ entry }: { entry: Key }) {
  const { format } = useText();
  const { balancePanel: words, sources } = useWords(both);
  const { mayChange } = useAccess();
  const told = useTroubleText();
  const now = useNow();
  const [says, setSays] = useState(false);
  const path = `/api/keys/${entry.id}/balance`;
  const { data } = useRead<Balance>(path);
  const ask = useChange(() => send<Balance>(`${path}/refresh`, { method: "POST", patienceMs: PATIENCE_MS }), "/api/keys");
  const failed = data?.last_error;
  return (
    <div className="stack">
      <div className="bar">
        <span className="balance-main"><BalanceFigure entry={data ?? entry} sources={sources} /></span>
        <span className="soft small">{sources[(data ?? entry).balance_source]}</span>
        {data?.stopped && <Badge mood="bad">{words.stopped}</Badge>}
        {mayChange && <Button size="small" loading={ask.isPending} onClick={() => ask.mutate(undefined)}>{words.refresh}</Button>}
        {mayChange && !says && <Button size="small" onClick={() => setSays(true)}>{words.say}</Button>}
      </div>
      {says && <Say id={entry.id} onDone={() => setSays(false)} />}
      {ask.error && <p className="problem" role="alert">{told(ask.error)}</p>}
      {failed && (
        <p className="small">
          {words.lastError(format.ago(Date.parse(failed.at), now))} <span className="soft inert">{failed.message}</span>
        </p>
      )}
      {data && data.missing_values.length > 0 && <p className="soft small">{words.missing(data.missing_values.join(", "))}</p>}
      {data && <Sources balance={data} />}
    </div>
  );
}
