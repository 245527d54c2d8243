// The page itself, the server, one's account, users, and what the pool keeps.

import { useQuery } from "@tanstack/react-query";
import { Alert } from "antd";
import { useAccess } from "../../access/session";
import { Select } from "../../components/field";
import { Fact, Facts, Page, Panel } from "../../components/page";
import { useOpened } from "../../components/when";
import { ask } from "../../services/http";
import { useRead } from "../../services/query";
import type { Health } from "../../services/types";
import { chooseLook, type Look, looks, useLook } from "../../style/theme";
import { choices, type Language, useText, useWords } from "../../text";
import { Account } from "./account";
import { isOpen } from "./is-open";
import { Origins } from "./origins";
import { PoolSettings } from "./pool-settings";
import "./settings.css";
import { words as both } from "./text";
import { Users } from "./users";

function ThisPage() {
  const { text, format, language, choose } = useText();
  const words = useWords(both);
  const look = useLook();
  const now = useOpened();
  return (
    <Panel title={words.page}>
      <Facts>
        <Fact name={words.language}>
          <Select label={words.language} value={language} onChange={(id) => choose(id as Language)} options={choices.map(({ id, name }) => ({ value: id, label: name }))} />
        </Fact>
        <Fact name={words.look}>
          <Select label={words.look} value={look} onChange={(look) => chooseLook(look as Look)} options={looks.map((value) => ({ value, label: text.shell.looks[value] }))} />
        </Fact>
        <Fact name={words.zone}>
          {[...new Set([Intl.DateTimeFormat().resolvedOptions().timeZone, format.zone(now)])].join(", ")}
        </Fact>
      </Facts>
    </Panel>
  );
}

function Server() {
  const words = useWords(both);
  const { data } = useRead<Health>("/health");
  const documented = useQuery({ queryKey: ["/docs"], queryFn: async () => (await ask("/docs/")).ok });
  return (
    <Panel title={words.server}>
      <div className="stack">
        {isOpen(window.location) && <Alert type="warning" showIcon title={words.openTitle} description={words.openText} />}
        <Facts>
          <Fact name={words.version}>{data?.version ?? "…"}</Fact>
          <Fact name={words.address}>{window.location.origin}</Fact>
          {documented.data && (
            <Fact name={words.docs}>
              <a href="/docs/">{window.location.origin}/docs</a>
            </Fact>
          )}
          <Fact name={words.stored}>{words.storedText}</Fact>
        </Facts>
      </div>
    </Panel>
  );
}

export function Settings() {
  const { text } = useText();
  const { mayChange, mayManage } = useAccess();
  return (
    <Page title={text.pages.settings}>
      <div className="split">
        <Account />
        <div className="stack">
          <ThisPage />
          <Server />
        </div>
      </div>
      {mayManage && <Users />}
      <PoolSettings />
      {mayChange && <Origins />}
    </Page>
  );
}
