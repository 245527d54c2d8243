// What the pool tells people about, when, and whom. Whatever a server says of each is shown as it says it.

import { Button } from "antd";
import type { ReactNode } from "react";
import { useAccess } from "../../access/session";
import { Page, Panel, Waiting } from "../../components/page";
import { Badge } from "../../components/state";
import { complain, tell } from "../../components/toast";
import { Absent, isAbsent, Trouble, useTroubleText } from "../../components/trouble";
import { Moment } from "../../components/when";
import { send } from "../../services/http";
import { useRead } from "../../services/query";
import type { List } from "../../services/types";
import { useText, useWords } from "../../text";
import { told } from "../audit/detail";
import "./alerts.css";
import { words as both } from "./text";

interface Thing extends Record<string, unknown> {
  id: number | string;
  name?: string;
  enabled?: boolean;
  create_time?: string;
}

function One({ thing, action }: { thing: Thing; action?: ReactNode }) {
  const words = useWords(both);
  const { id, name, enabled, create_time: at, update_time: _, ...rest } = thing;
  return (
    <li>
      <div>
        <strong className="inert">{name ?? `#${id}`}</strong> {enabled === false && <Badge mood="idle">{words.off}</Badge>}{" "}
        {at && <span className="soft small"><Moment at={at} /></span>}
      </div>
      <div className="soft small inert">{told(rest)}</div>
      {action}
    </li>
  );
}

interface Props {
  path: string;
  title: string;
  empty: string;
  action?: (thing: Thing) => ReactNode;
}

function Things({ path, title, empty, action }: Props) {
  const { data, error, refetch } = useRead<List<Thing>>(path, { every: 15_000 });
  if (isAbsent(error)) return null;
  return (
    <Panel title={title}>
      {error && <Trouble error={error} again={() => void refetch()} />}
      {!data && !error && <Waiting />}
      {data?.items.length === 0 && <p className="soft">{empty}</p>}
      <ul className="alerts" role="list">
        {data?.items.map((thing) => (
          <One key={thing.id} thing={thing} action={action?.(thing)} />
        ))}
      </ul>
    </Panel>
  );
}

function Test({ channel }: { channel: Thing }) {
  const words = useWords(both);
  const message = useTroubleText();
  const test = () =>
    send(`/api/alerts/channels/${channel.id}/test`, { method: "POST", body: {} }).then(
      () => tell(words.sent(channel.name ?? `#${channel.id}`)),
      (error: unknown) => complain(message(error)),
    );
  return <Button size="small" onClick={() => void test()}>{words.test}</Button>;
}

export function Alerts() {
  const { text } = useText();
  const words = useWords(both);
  const { mayChange } = useAccess();
  const { error } = useRead<List<Thing>>("/api/alerts/rules");
  return (
    <Page title={text.pages.alerts}>
      {isAbsent(error) ? (
        <Panel>
          <Absent />
        </Panel>
      ) : (
        <div className="split">
          <Things path="/api/alerts/events" title={words.events} empty={words.noEvents} />
          <div className="stack">
            <Things path="/api/alerts/rules" title={words.rules} empty={words.noRules} />
            <Things path="/api/alerts/channels" title={words.channels} empty={words.noChannels} action={(channel) => mayChange && <Test channel={channel} />} />
          </div>
        </div>
      )}
    </Page>
  );
}
