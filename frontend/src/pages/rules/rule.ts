// A rule as the server has it, and as the form holds it. Pure.

import type { Rule as Known } from "../../services/types";
import { listOf } from "../keys/form-values";

export const VERDICTS = [
  "rate_limited", "key_limited", "out_of_credit", "bad_credential", "blocked", "model_unavailable", "overloaded", "upstream_fault", "network", "rotate", "caller_fault",
] as const;

/** What of a rule the form shows. */
export type Rule = Pick<
  Known,
  "id" | "name" | "provider" | "enabled" | "position" | "status" | "code" | "text" | "verdict" | "wait_seconds" | "fixed_wait"
>;

export interface RuleValues {
  name: string;
  provider: string;
  enabled: boolean;
  position: string;
  status: string;
  code: string;
  text: string;
  verdict: string;
  wait: string;
  fixed: boolean;
}

export const blank: RuleValues = {
  name: "", provider: "", enabled: true, position: "0", status: "", code: "", text: "", verdict: "rate_limited", wait: "", fixed: false,
};

export const valuesOf = (rule: Rule): RuleValues => ({
  name: rule.name,
  provider: rule.provider ?? "",
  enabled: rule.enabled,
  position: String(rule.position),
  status: rule.status.join(", "),
  code: rule.code.join(", "),
  text: rule.text.join("\n"),
  verdict: rule.verdict,
  wait: rule.wait_seconds === null ? "" : String(rule.wait_seconds),
  fixed: rule.fixed_wait,
});

/** What is no number goes as it is, for the server to name. */
const numberOf = (text: string) => (Number.isInteger(Number(text)) && text.trim() !== "" ? Number(text) : text.trim());

export function bodyOf(values: RuleValues): Record<string, unknown> {
  return {
    name: values.name.trim(),
    provider: values.provider || null,
    enabled: values.enabled,
    position: values.position.trim() === "" ? 0 : numberOf(values.position),
    status: listOf(values.status).map(numberOf),
    code: listOf(values.code),
    text: values.text.split("\n").map((line) => line.trim()).filter(Boolean),
    verdict: values.verdict,
    wait_seconds: values.wait.trim() === "" ? null : numberOf(values.wait),
    fixed_wait: values.fixed,
  };
}
