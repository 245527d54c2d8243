// Why a key or a call is as it is: in human words first, then in the upstream's own, as text that can do nothing.

import { readReason } from "../services/reason";
import { useText } from "../text";

export function useVerdictText() {
  const { verdicts } = useText().text;
  return (verdict: string) => verdicts[verdict] ?? verdict;
}

export function Reason({ text: raw, lines = 2 }: { text: string; lines?: number }) {
  const told = useVerdictText();
  const { text } = useText();
  const { model, verdict, status, message } = readReason(raw);
  const meaning = [verdict && told(verdict), status && `${text.common.answered} ${status}`, model].filter(Boolean).join(" · ");
  return (
    <div className="reason small inert" title={raw} style={{ WebkitLineClamp: lines }}>
      {meaning && <span>{meaning}</span>}
      {meaning && message && " — "}
      {message && <span className="soft">{message}</span>}
    </div>
  );
}
