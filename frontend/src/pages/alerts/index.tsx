// What is wrong, when people are told of it, and whom.

import { Panel, Page, Waiting } from "../../components/page";
import { Tag } from "../../components/state";
import { Absent, isAbsent, Trouble } from "../../components/trouble";
import { Ago } from "../../components/when";
import { useRead } from "../../services/query";
import type { List } from "../../services/types";
import { useText, useWords } from "../../text";
import "./alerts.css";
import type { Channel, Service } from "./channel";
import { Channels } from "./channels";
import { Deliveries, Events } from "./history";
import type { AlertState } from "./log";
import type { AlertRule } from "./rule";
import { Rules, SeverityBadge } from "./rules";
import { words as both } from "./text";

const EVERY_MS = 10_000;

function One({ state, rule }: { state: AlertState; rule: AlertRule | undefined }) {
  const words = useWords(both);
  return (
    <li>
      <div>
        {rule && <SeverityBadge severity={rule.severity} />} <strong className="inert">{rule?.name ?? `#${state.rule_id}`}</strong>{" "}
        <span className="soft small"><Ago at={state.since} tell={words.since} /></span> {state.told_at === null && <Tag>{words.untold}</Tag>}
      </div>
      <div className="inert">{[state.name, state.detail].filter(Boolean).join(": ")}</div>
    </li>
  );
}

function Now({ rules }: { rules: readonly AlertRule[] }) {
  const { format } = useText();
  const words = useWords(both);
  const { data, error, refetch } = useRead<List<AlertState>>("/api/alerts/state", { every: EVERY_MS });
  return (
    <Panel title={words.now} note={data && data.items.length > 0 && format.whole(data.items.length)}>
      {error && <Trouble error={error} again={() => void refetch()} />}
      {!data && !error && <Waiting />}
      {data?.items.length === 0 && <p className="soft">{words.nothingNow}</p>}
      <ul className="alerts" role="list">
        {data?.items.map((state) => <One key={`${state.rule_id} ${state.subject}`} state={state} rule={rules.find(({ id }) => id === state.rule_id)} />)}
      </ul>
    </Panel>
  );
}

/** What there can be, for forms. */
interface Kinds {
  channels: Service[];
}

export function Alerts() {
  const { text } = useText();
  const rules = useRead<List<AlertRule>>("/api/alerts/rules");
  const channels = useRead<List<Channel>>("/api/alerts/channels");
  const kinds = useRead<Kinds>("/api/alerts/kinds");
  if (isAbsent(rules.error)) return <Page title={text.pages.alerts}><Panel><Absent /></Panel></Page>;
  const error = rules.error ?? channels.error ?? kinds.error;
  return (
    <Page title={text.pages.alerts}>
      {error && <Trouble error={error} again={() => void Promise.all([rules.refetch(), channels.refetch(), kinds.refetch()])} />}
      {rules.data && channels.data && kinds.data ? (
        <>
          <div className="split">
            <Now rules={rules.data.items} />
            <Channels channels={channels.data.items} services={kinds.data.channels} />
          </div>
          <Rules rules={rules.data.items} channels={channels.data.items} />
          <div className="split">
            <Events />
            <Deliveries />
          </div>
        </>
      ) : (
        !error && <Panel><Waiting rows={6} /></Panel>
      )}
    </Page>
  );
}
