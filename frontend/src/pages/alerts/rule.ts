// A rule of alerts as the server has it, and as the form holds it. Pure.

export const KINDS = ["key_down", "no_key_for_model", "pool_degraded", "error_rate", "balance_low", "days_left_low", "budget_used", "store_trouble"] as const;

export type Kind = (typeof KINDS)[number];

export const SEVERITIES = ["info", "warning", "critical"] as const;

export type Severity = (typeof SEVERITIES)[number];

export const SPLITS = ["pool", "model", "provider", "key"] as const;

export interface QuietHours {
  from: string;
  to: string;
  zone: string;
}

/** What is absent is as is usual for the kind. */
export interface RuleSpec {
  name: string;
  kind: Kind;
  enabled: boolean;
  severity: Severity;
  threshold: string | null;
  clear_at: string | null;
  for_seconds: number | null;
  clear_seconds: number | null;
  /** Nothing: it is said once. */
  repeat_seconds: number | null;
  quiet_hours: QuietHours | null;
  only: string[];
  currency: string | null;
  split_by: string;
  window_minutes: number | null;
  least_calls: number | null;
  channels: number[];
}

export interface AlertRule extends RuleSpec {
  id: number;
  create_time: string;
  update_time: string;
}

/** What a kind's threshold counts, and what is usual; a kind that is not here has none. */
export const THRESHOLDS: Partial<Record<Kind, { unit: "money" | "days" | "percent"; usual: string }>> = {
  balance_low: { unit: "money", usual: "5" },
  days_left_low: { unit: "days", usual: "3" },
  pool_degraded: { unit: "percent", usual: "50" },
  error_rate: { unit: "percent", usual: "20" },
  budget_used: { unit: "percent", usual: "80" },
};

export interface RuleValues {
  name: string;
  kind: Kind;
  severity: Severity;
  threshold: string;
  clear: string;
  /** Durations are typed in minutes. */
  patience: string;
  repeat: string;
  quiet: boolean;
  from: string;
  to: string;
  zone: string;
  only: string;
  split: string;
  window: string;
  least: string;
  channels: number[];
}

/** Hours in which nobody is told are those of the reader, until he says otherwise. */
const here = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

const shown = (value: string | number | null | undefined) => (value == null ? "" : String(value));
const minutes = (seconds: number | null) => (seconds === null ? "" : String(seconds / 60));

export const blankRule = (kind: Kind = "key_down"): RuleValues => ({
  name: "", kind, severity: "warning", threshold: "", clear: "", patience: "", repeat: "240", quiet: false,
  from: "22:00", to: "07:00", zone: here(), only: "", split: "pool", window: "", least: "", channels: [],
});

export function valuesOf(rule: RuleSpec): RuleValues {
  const { quiet_hours: quiet } = rule;
  return {
    ...blankRule(rule.kind),
    name: rule.name,
    severity: rule.severity,
    threshold: shown(rule.threshold),
    clear: shown(rule.clear_at),
    patience: minutes(rule.for_seconds),
    repeat: minutes(rule.repeat_seconds),
    quiet: quiet !== null,
    ...quiet,
    only: rule.only.join("\n"),
    split: rule.split_by,
    window: shown(rule.window_minutes),
    least: shown(rule.least_calls),
    channels: rule.channels,
  };
}

/** What is no number goes as it is, for the server to name it. */
function numberOf(text: string, times = 1): number | string | null {
  const trimmed = text.trim();
  if (trimmed === "") return null;
  return Number.isFinite(Number(trimmed)) ? Math.round(Number(trimmed) * times) : trimmed;
}

const orNull = (text: string) => text.trim() || null;

export function bodyOf(values: RuleValues): Record<string, unknown> {
  const { from, to, zone } = values;
  const counts = values.kind in THRESHOLDS;
  const rates = values.kind === "error_rate";
  return {
    name: values.name.trim(),
    kind: values.kind,
    severity: values.severity,
    threshold: counts ? orNull(values.threshold) : null,
    clear_at: counts ? orNull(values.clear) : null,
    for_seconds: numberOf(values.patience, 60),
    repeat_seconds: numberOf(values.repeat, 60),
    quiet_hours: values.quiet ? { from, to, zone: zone.trim() } : null,
    only: values.only.split(/[,，\n]/).map((word) => word.trim()).filter(Boolean),
    channels: values.channels,
    ...(rates && { split_by: values.split, window_minutes: numberOf(values.window), least_calls: numberOf(values.least) }),
  };
}

/** Rules that nearly everybody wants, with their words. */
export function usualRules(words: { kinds: Record<string, string>; percent: (share: string) => string }, channels: number[]): Record<string, unknown>[] {
  const rule = (kind: Kind, severity: Severity, more: Partial<RuleValues> = {}) =>
    bodyOf({ ...blankRule(kind), name: words.kinds[kind] ?? kind, severity, channels, ...more });
  const budget = (threshold: string, severity: Severity) =>
    rule("budget_used", severity, { threshold, repeat: "", name: `${words.kinds["budget_used"]}, ${words.percent(threshold)}` });
  return [
    rule("key_down", "warning"),
    rule("no_key_for_model", "critical"),
    rule("pool_degraded", "warning"),
    rule("error_rate", "warning"),
    rule("balance_low", "warning"),
    budget("80", "info"),
    budget("90", "warning"),
    budget("100", "critical"),
    rule("store_trouble", "critical"),
  ];
}
