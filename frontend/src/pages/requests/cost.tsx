// What a call cost, told apart by kind of token and attempt.

import type { CallDetail } from "../../services/types";
import { useText, useWords } from "../../text";
import "../../components/table.css";
import { partsOf } from "./breakdown";
import { words as both } from "./text";

export function Cost({ call, nameOf }: { call: CallDetail; nameOf: (id: number | null) => string }) {
  const { text, format } = useText();
  const { detail } = useWords(both);
  const paid = call.attempts_detail.filter(({ total_tokens, served }) => served || total_tokens > 0);
  const versions = [...new Set(paid.map(({ price_version }) => price_version).filter(Boolean))];
  const saved = paid.reduce((sum, { cache_saved }) => sum + Number(cache_saved ?? 0), 0);
  return (
    <div className="stack">
      <table className="table cost-table">
        <tbody>
          {paid.flatMap((attempt) => [
            <tr key={attempt.id}>
              <th scope="row" className="inert">
                {nameOf(attempt.key_id)} · {attempt.upstream_model}
              </th>
              <td className="table-number">{attempt.cost === null ? text.common.unknown : <strong title={`${attempt.cost} USD`}>{format.usd(attempt.cost)}</strong>}</td>
            </tr>,
            ...partsOf(attempt).map(({ part, tokens }) => (
              <tr key={`${attempt.id} ${part}`}>
                <td>
                  {detail.parts[part]}
                  {part === "output" && !!attempt.reasoning_tokens && <span className="soft"> ({detail.parts.reasoning} {format.whole(attempt.reasoning_tokens)})</span>}
                </td>
                <td className="table-number">{format.whole(tokens)}</td>
              </tr>
            )),
          ])}
          <tr>
            <th scope="row">{detail.sum}</th>
            <td className="table-number">
              <strong>{call.cost === null ? text.common.unknown : `${call.cost} USD`}</strong>
            </td>
          </tr>
        </tbody>
      </table>
      <p className="soft small">
        {call.cost === null && call.outcome !== null && `${detail.unpriced} `}
        {versions.length > 0 && `${detail.priceOf(versions.join(", "))}. `}
        {saved > 0 && detail.savedByCache(format.usd(String(saved)))}
      </p>
    </div>
  );
}
