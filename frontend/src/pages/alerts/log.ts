// What is wrong now, what happened, and what was sent, as the server tells it.

import type { Severity } from "./rule";

export interface AlertState {
  rule_id: number;
  /** As in `key:7`. */
  subject: string;
  name: string;
  since: string;
  /** Nothing: nobody was told; the hours are quiet. */
  told_at: string | null;
  detail: string;
}

export interface AlertEvent {
  id: number;
  create_time: string;
  rule_id: number;
  rule_name: string;
  kind: string;
  severity: Severity;
  event: "fired" | "repeated" | "cleared";
  subject: string;
  name: string;
  since: string;
  detail: string;
  quiet: boolean;
}

export interface Delivery {
  id: number;
  create_time: string;
  update_time: string;
  channel_id: number;
  channel_name: string;
  message: { title: string };
  state: "pending" | "sent" | "failed";
  tries: number;
  next_at: string | null;
  detail: string | null;
}
