// What a test of a key found, step by step, with the upstream's own words.

import { useVerdictText } from "../../components/reason";
import { State } from "../../components/state";
import { messageIn } from "../../services/reason";
import { useText, useWords } from "../../text";
import { words as both } from "./text";
import type { KeyTrial } from "../../services/types";

/** The answer of `POST /api/keys/{id}/test`. */
export type TestResult = KeyTrial;

type Step = KeyTrial["steps"][number];

function StepLine({ entry }: { entry: Step }) {
  const { format } = useText();
  const { testPanel } = useWords(both);
  return (
    <li>
      <span aria-hidden>{entry.ok ? "✓" : "✗"}</span> {testPanel.steps[entry.name] ?? entry.name}
      {entry.ms !== null && <span className="soft number"> {format.span(entry.ms)}</span>}
      {entry.message && <div className="soft small inert">{entry.message}</div>}
    </li>
  );
}

export function TestReport({ result }: { result: TestResult }) {
  const { text, format } = useText();
  const { testPanel } = useWords(both);
  const told = useVerdictText();
  const { ok: good } = result;
  const facts = [
    !good && told(result.verdict),
    result.http_status_code && `${text.common.answered} ${result.http_status_code}`,
    result.model,
    testPanel.took(format.span(result.latency_ms)),
  ].filter(Boolean);
  return (
    <div>
      <State mood={good ? "good" : "bad"}>{good ? testPanel.good : testPanel.bad}</State>
      {facts.length > 0 && <div className="small">{facts.join(" · ")}</div>}
      {result.message && <div className="soft small inert">{messageIn(result.message)}</div>}
      <ol className="test-steps">
        {result.steps.map((step) => (
          <StepLine key={step.name} entry={step} />
        ))}
      </ol>
    </div>
  );
}
