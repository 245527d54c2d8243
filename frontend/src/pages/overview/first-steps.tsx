// What to do with an empty pool.

import { Link } from "@tanstack/react-router";
import { Panel } from "../../components/page";
import { useWords } from "../../text";
import { words as both } from "./text";

const STEPS = [
  { id: "key", to: "/keys" },
  { id: "token", to: "/tokens" },
  { id: "call", to: "/playground" },
] as const;

export function FirstSteps({ hasKeys, hasTokens }: { hasKeys: boolean; hasTokens: boolean }) {
  const words = useWords(both);
  const done = { key: hasKeys, token: hasTokens, call: false };
  return (
    <Panel title={words.firstTitle}>
      <p className="soft">{words.firstText}</p>
      <ol className="steps">
        {STEPS.map(({ id, to }) => {
          const [title, hint] = words.steps[id];
          return (
            <li key={id} className={done[id] ? "step-done" : ""}>
              <Link to={to}>{title}</Link>
              <span className="soft">{hint}</span>
              {done[id] && <span className="tag">{words.done}</span>}
            </li>
          );
        })}
      </ol>
    </Panel>
  );
}
