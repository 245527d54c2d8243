// A budget: spent, held for running calls, left, and when it begins anew.

import { Ahead } from "../../components/when";
import type { Budget } from "../../services/types";
import { useText, useWords } from "../../text";
import { standing } from "./budget";
import { words as both } from "./text";

export function BudgetBar({ budget }: { budget: Budget | null }) {
  const { format } = useText();
  const words = useWords(both);
  if (!budget) return <span className="soft">{words.noBudget}</span>;
  const { spent, held, left, isUsedUp } = standing(budget);
  const held_usd = Number(budget.held ?? 0);
  const tone = isUsedUp ? "bad" : spent + held > 0.8 ? "warn" : "good";
  return (
    <div className="budget">
      <div className="small">
        <strong className="number">{words.spent(format.usd(budget.spent ?? "0"), format.usd(budget.limit))}</strong>{" "}
        <span className="soft">{words.windows[budget.window]}</span>
      </div>
      <div className={`budget-track budget-${tone}`} aria-hidden>
        <span style={{ width: `${100 * spent}%` }} />
        <span className="budget-held" style={{ width: `${100 * held}%` }} />
      </div>
      <div className="small soft">
        {isUsedUp ? <strong className="alarming">{words.exceeded}</strong> : words.left(format.usd(String(left)))}
        {held_usd > 0 && ` · ${words.held(format.usd(String(held_usd)))}`}
        {budget.resets_at && (
          <>
            {" · "}
            <Ahead at={budget.resets_at} tell={words.resets} />
          </>
        )}
      </div>
    </div>
  );
}
