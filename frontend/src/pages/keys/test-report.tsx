// What a test of a key found, step by step, with the upstream's own words.

import { useVerdictText } from "../../components/reason";
import { State } from "../../components/state";
import { messageIn } from "../../services/reason";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

interface Step {
  name?: string;
  step?: string;
  ok?: boolean;
  ms?: number | null;
  latency_ms?: number | null;
  message?: string | null;
}

/** The answer of `POST /api/keys/{id}/test`, as far as it is read. */
export interface TestResult {
  ok?: boolean;
  verdict?: string | null;
  message?: string | null;
  error_message?: string | null;
  explanation?: string | null;
  http_status_code?: number | null;
  latency_ms?: number | null;
  model?: string | null;
  steps?: Step[];
}

const isGood = ({ ok, verdict }: TestResult) => ok ?? verdict === "answer";

function StepLine({ entry }: { entry: Step }) {
  const { format } = useText();
  const ms = entry.ms ?? entry.latency_ms;
  return (
    <li>
      <span aria-hidden>{entry.ok === false ? "✗" : "✓"}</span> {entry.name ?? entry.step}
      {ms != null && <span className="soft number"> {format.span(ms)}</span>}
      {entry.message && <div className="soft small inert">{entry.message}</div>}
    </li>
  );
}

export function TestReport({ result }: { result: TestResult }) {
  const { text, format } = useText();
  const { testPanel } = useWords(both);
  const told = useVerdictText();
  const good = isGood(result);
  const said = result.explanation ?? result.message ?? result.error_message;
  const facts = [
    result.verdict && !good && told(result.verdict),
    result.http_status_code && `${text.common.answered} ${result.http_status_code}`,
    result.model,
    result.latency_ms != null && testPanel.took(format.span(result.latency_ms)),
  ].filter(Boolean);
  return (
    <div>
      <State mood={good ? "good" : "bad"}>{good ? testPanel.good : testPanel.bad}</State>
      {facts.length > 0 && <div className="small">{facts.join(" · ")}</div>}
      {said && <div className="soft small inert">{messageIn(said)}</div>}
      {result.steps && (
        <ol className="test-steps">
          {result.steps.map((step, at) => (
            <StepLine key={`${step.name ?? step.step}-${at}`} entry={step} />
          ))}
        </ol>
      )}
    </div>
  );
}
