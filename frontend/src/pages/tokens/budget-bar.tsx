// A budget: spent, held for running calls, left, and when it begins anew.

import { Link } from "@tanstack/react-router";
import { Ahead } from "../../components/when";
import { useRead } from "../../services/query";
import type { Budget, List } from "../../services/types";
import { useText, useWords } from "../../text";
import type { AlertRule } from "../alerts/rule";
import { softLimit, standing } from "./budget";
import { words as both } from "./text";

const USUAL_SOFT = 0.8;

/** At which part of any budget somebody is told; unknown where the server tells nobody anything. */
function useSoftLimit(): { part: number | undefined; isKnown: boolean } {
  const { data } = useRead<List<AlertRule>>("/api/alerts/rules");
  return { part: data && softLimit(data.items), isKnown: data !== undefined };
}

export function BudgetBar({ budget }: { budget: Budget | null }) {
  const { format } = useText();
  const words = useWords(both);
  const soft = useSoftLimit();
  if (!budget) return <span className="soft">{words.noBudget}</span>;
  const { spent, held, left, isUsedUp } = standing(budget);
  const held_usd = Number(budget.held ?? 0);
  const tone = isUsedUp ? "bad" : spent + held >= (soft.part ?? USUAL_SOFT) ? "warn" : "good";
  return (
    <div className="budget">
      <div className="small">
        <strong className="number">{words.spent(format.usd(budget.spent ?? "0"), format.usd(budget.limit))}</strong>{" "}
        <span className="soft">{words.windows[budget.window]}</span>
      </div>
      <div className={`budget-track budget-${tone}`} aria-hidden>
        <span style={{ width: `${100 * spent}%` }} />
        <span className="budget-held" style={{ width: `${100 * held}%` }} />
        {soft.part !== undefined && soft.part < 1 && <span className="budget-soft" style={{ insetInlineStart: `${100 * soft.part}%` }} />}
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
        {soft.isKnown && (
          <>
            {" · "}
            <Link to="/alerts">{soft.part === undefined ? words.noAlert : words.alertAt(format.share(soft.part, 1))}</Link>
          </>
        )}
      </div>
    </div>
  );
}
