// Why there is no answer, in words, and what to do about it.

import { Alert, Button } from "antd";
import { ApiError } from "../services/http";
import { type Text, useText } from "../text";
import { Empty } from "./empty";

/** What went wrong, for a person. What the server says of it is in the server's own words. */
export function troubleText(error: unknown, text: Text["trouble"]): string {
  if (!(error instanceof ApiError)) return String(error);
  const { trouble, path, status, complaint } = error;
  if (complaint.message && trouble !== "unauthorized") {
    return complaint.field ? text.field(complaint.field, complaint.message) : complaint.message;
  }
  return trouble === "refused" ? text.refused(path, status ?? 0) : trouble === "unreadable" ? text.unreadable(path) : text[trouble];
}

/** The same in the reader's language. */
export function useTroubleText() {
  const { text } = useText();
  return (error: unknown) => troubleText(error, text.trouble);
}

interface Props {
  error: unknown;
  /** When what is shown nevertheless was true, in milliseconds since 1970. */
  at?: number | undefined;
  again?: () => void;
}

export function Trouble({ error, at, again }: Props) {
  const { text, format } = useText();
  // A time of day and not an age: an alert that changes each second would be read out each second.
  return (
    <Alert
      type="error"
      showIcon
      role="alert"
      title={troubleText(error, text.trouble)}
      description={at ? text.trouble.stale(format.time(at)) : undefined}
      action={again && <Button onClick={again}>{text.trouble.again}</Button>}
    />
  );
}

/** Whether the server has no such path; a feature of it is then hidden or explained. */
export const isAbsent = (error: unknown) => error instanceof ApiError && error.trouble === "missing";

export function Absent() {
  const { trouble } = useText().text;
  return <Empty title={trouble.absent}>{trouble.absentText}</Empty>;
}
