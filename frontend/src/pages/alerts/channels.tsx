// Whom to tell: the channels, each with a test.

import { Button } from "antd";
import { useState } from "react";
import { useAccess } from "../../access/session";
import { Confirm } from "../../components/confirm";
import { Empty } from "../../components/empty";
import { Panel } from "../../components/page";
import { Badge } from "../../components/state";
import { complain, tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { send } from "../../services/http";
import { useRefresh } from "../../services/query";
import { useText, useWords } from "../../text";
import type { Channel, Service } from "./channel";
import { ChannelForm } from "./channel-form";
import { words as both } from "./text";

/** A service that is slow to answer is waited for. */
const PATIENCE_MS = 60_000;

/** What became of a test, and why it did not arrive. */
interface Tested {
  ok: boolean;
  detail: string | null;
}

type Open = { what: "new" } | { what: "edit" | "delete"; channel: Channel };

function useTest() {
  const words = useWords(both);
  const told = useTroubleText();
  const refresh = useRefresh();
  const [testing, setTesting] = useState<number>();
  async function test({ id, name }: Channel) {
    setTesting(id);
    await send<Tested>(`/api/alerts/channels/${id}/test`, { method: "POST", body: {}, patienceMs: PATIENCE_MS }).then(
      ({ ok, detail }) => (ok ? tell(words.sent(name)) : complain(`${name}: ${detail ?? words.notSent}`)),
      (error: unknown) => complain(`${name}: ${told(error)}`),
    );
    setTesting(undefined);
    void refresh("/api/alerts");
  }
  return { testing, test };
}

interface OneProps {
  channel: Channel;
  title: string;
  busy: boolean;
  onTest: () => void;
  onOpen: (open: Open) => void;
}

function One({ channel, title, busy, onTest, onOpen }: OneProps) {
  const words = useWords(both);
  const { mayChange } = useAccess();
  const refresh = useRefresh();
  const told = useTroubleText();
  const { id, name, enabled, settings, host } = channel;
  const toggle = () =>
    send(`/api/alerts/channels/${id}`, { method: "PUT", body: { enabled: !enabled } }).then(() => refresh("/api/alerts"), (error: unknown) => complain(told(error)));
  return (
    <li>
      <div>
        <strong className="inert">{name}</strong> {!enabled && <Badge mood="idle">{words.off}</Badge>}
        <div className="soft small inert">{[title, settings["to"] ?? settings["chat_id"], host].filter(Boolean).join(" · ")}</div>
      </div>
      {mayChange && (
        <div className="bar row-actions">
          <Button size="small" loading={busy} aria-label={`${words.test}: ${name}`} onClick={onTest}>{words.test}</Button>
          <Button size="small" onClick={() => onOpen({ what: "edit", channel })}>{words.edit}</Button>
          <Button size="small" onClick={() => void toggle()}>{enabled ? words.switchOff : words.switchOn}</Button>
          <Button size="small" danger onClick={() => onOpen({ what: "delete", channel })}>{words.remove}</Button>
        </div>
      )}
    </li>
  );
}

export function Channels({ channels, services }: { channels: readonly Channel[]; services: readonly Service[] }) {
  const words = useWords(both);
  const { format } = useText();
  const { mayChange } = useAccess();
  const refresh = useRefresh();
  const [open, setOpen] = useState<Open>();
  const { testing, test } = useTest();
  const close = () => setOpen(undefined);
  const add = mayChange && <Button onClick={() => setOpen({ what: "new" })}>{words.addChannel}</Button>;
  return (
    <Panel title={words.channels} note={channels.length > 0 && format.whole(channels.length)} actions={channels.length > 0 && add}>
      {channels.length === 0 && <Empty title={words.noChannels} action={add}>{words.noChannelsText}</Empty>}
      <ul className="alerts" role="list">
        {channels.map((channel) => (
          <One key={channel.id} channel={channel} title={services.find(({ kind }) => kind === channel.kind)?.title ?? channel.kind} busy={testing === channel.id} onTest={() => void test(channel)} onOpen={setOpen} />
        ))}
      </ul>
      {open?.what === "new" && <ChannelForm services={services} onClose={close} />}
      {open?.what === "edit" && <ChannelForm channel={open.channel} services={services} onClose={close} />}
      {open?.what === "delete" && (
        <Confirm
          title={words.removeTitle(open.channel.name)}
          action={words.remove}
          onClose={close}
          onConfirm={() => send(`/api/alerts/channels/${open.channel.id}`, { method: "DELETE" }).then(() => refresh("/api/alerts"))}
        >
          {words.removeChannelText}
        </Confirm>
      )}
    </Panel>
  );
}
