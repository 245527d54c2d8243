// When people are told: the rules, and what each looks at.

import { Button } from "antd";
import { useState } from "react";
import { useAccess } from "../../access/session";
import { Confirm } from "../../components/confirm";
import { Empty } from "../../components/empty";
import { Panel } from "../../components/page";
import { Badge, type Mood } from "../../components/state";
import { type Column, DataTable } from "../../components/table";
import { complain, tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { send } from "../../services/http";
import { useRefresh } from "../../services/query";
import { useText, useWords } from "../../text";
import type { Channel } from "./channel";
import { type AlertRule, type RuleSpec, type Severity, THRESHOLDS, usualRules } from "./rule";
import { RuleForm } from "./rule-form";
import { words as both } from "./text";

const MOODS: Record<Severity, Mood> = { info: "idle", warning: "warn", critical: "bad" };

export function SeverityBadge({ severity }: { severity: Severity }) {
  const { severities } = useWords(both);
  return <Badge mood={MOODS[severity] ?? "warn"}>{severities[severity] ?? severity}</Badge>;
}

type Words = (typeof both)["en"];

/** When it is bad, in words. */
function levelOf({ kind, threshold, currency }: RuleSpec, words: Words): string | undefined {
  const scale = THRESHOLDS[kind];
  if (!scale) return undefined;
  const amount = threshold ?? scale.usual;
  if (scale.unit === "money") return words.threshold.money(amount, currency ?? "USD");
  if (scale.unit === "days") return words.threshold.days(amount);
  return kind === "pool_degraded" ? words.threshold.below(amount) : words.threshold.above(amount);
}

function Told({ rule, channels }: { rule: AlertRule; channels: readonly Channel[] }) {
  const { format } = useText();
  const words = useWords(both);
  const { quiet_hours: quiet, for_seconds: patience, only } = rule;
  const names = channels.filter(({ id }) => rule.channels.includes(id)).map(({ name }) => name);
  const said = [levelOf(rule, words), patience ? words.forLong(format.span(patience * 1_000)) : undefined, only.join(", ")].filter(Boolean);
  return (
    <>
      <div className="inert">{said.join(" · ")}</div>
      <div className="soft small inert">
        {names.length > 0 ? words.tells(names.join(", ")) : words.tellsNobody}
        {quiet && ` · ${words.quiet(quiet.from, quiet.to, quiet.zone)}`}
      </div>
    </>
  );
}

type Open = { what: "new" } | { what: "edit" | "delete"; rule: AlertRule };

/** Changes of rules, told when they are done. */
function useRules() {
  const words = useWords(both);
  const { format } = useText();
  const told = useTroubleText();
  const refresh = useRefresh();
  async function attempt(deed: () => Promise<unknown>, message: string, undo?: () => void) {
    try {
      await deed();
      tell(message, undo);
    } catch (error) {
      complain(told(error));
    }
    void refresh("/api/alerts");
  }
  const put = (rule: AlertRule, enabled: boolean) => send(`/api/alerts/rules/${rule.id}`, { method: "PUT", body: { enabled } });
  const setEnabled = (rule: AlertRule, enabled: boolean): Promise<void> =>
    attempt(() => put(rule, enabled), `${rule.name}: ${enabled ? words.switchOn : words.switchOff}`, () => void setEnabled(rule, !enabled));
  async function addUsual(channels: readonly Channel[]) {
    const rules = usualRules(words, channels.map(({ id }) => id));
    await attempt(async () => {
      for (const body of rules) await send("/api/alerts/rules", { method: "POST", body });
    }, words.usualDone(format.whole(rules.length)));
  }
  const remove = (rule: AlertRule) => send(`/api/alerts/rules/${rule.id}`, { method: "DELETE" }).then(() => refresh("/api/alerts"));
  return { setEnabled, addUsual, remove };
}

function useColumns(channels: readonly Channel[], onOpen: (open: Open) => void, setEnabled: (rule: AlertRule, enabled: boolean) => Promise<void>): Column<AlertRule>[] {
  const { text } = useText();
  const words = useWords(both);
  const { mayChange } = useAccess();
  return [
    {
      id: "name",
      title: text.common.name,
      head: true,
      by: ({ name }) => name,
      cell: ({ name, kind, enabled }) => (
        <>
          <strong className="inert">{name}</strong> {!enabled && <Badge mood="idle">{words.off}</Badge>}
          <div className="soft small">{words.kinds[kind] ?? kind}</div>
        </>
      ),
    },
    { id: "severity", title: words.form.severity, cell: ({ severity }) => <SeverityBadge severity={severity} /> },
    { id: "level", title: words.form.threshold, cell: (rule) => <Told rule={rule} channels={channels} /> },
    {
      id: "actions",
      title: text.common.actions,
      cell: (rule) =>
        mayChange && (
          <div className="bar row-actions">
            <Button size="small" onClick={() => onOpen({ what: "edit", rule })}>{words.edit}</Button>
            <Button size="small" onClick={() => void setEnabled(rule, !rule.enabled)}>{rule.enabled ? words.switchOff : words.switchOn}</Button>
            <Button size="small" danger onClick={() => onOpen({ what: "delete", rule })}>{words.remove}</Button>
          </div>
        ),
    },
  ];
}

export function Rules({ rules, channels }: { rules: readonly AlertRule[]; channels: readonly Channel[] }) {
  const words = useWords(both);
  const { mayChange } = useAccess();
  const [open, setOpen] = useState<Open>();
  const { setEnabled, addUsual, remove } = useRules();
  const columns = useColumns(channels, setOpen, setEnabled);
  const close = () => setOpen(undefined);
  const add = mayChange && <Button onClick={() => setOpen({ what: "new" })}>{words.addRule}</Button>;
  const usual = mayChange && <Button type="primary" onClick={() => void addUsual(channels)}>{words.usual}</Button>;
  return (
    <Panel flush title={words.rules} note={words.rulesNote} actions={rules.length > 0 && add}>
      <DataTable
        label={words.rules}
        columns={columns}
        rows={rules}
        id={({ id }) => id}
        nameOf={({ name }) => name}
        empty={<Empty title={words.noRules} action={<>{usual} {add}</>}>{words.noRulesText}</Empty>}
      />
      {open?.what === "new" && <RuleForm channels={channels} onClose={close} />}
      {open?.what === "edit" && <RuleForm rule={open.rule} channels={channels} onClose={close} />}
      {open?.what === "delete" && (
        <Confirm title={words.removeTitle(open.rule.name)} action={words.remove} onClose={close} onConfirm={() => remove(open.rule)}>
          {words.removeRuleText}
        </Confirm>
      )}
    </Panel>
  );
}
