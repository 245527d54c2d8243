// What a call cost: for each attempt tokens by kind, times price, and the sum; and what a later rating made of it.

import { Button } from "antd";
import { useState } from "react";
import { useAccess } from "../../access/session";
import { Moment } from "../../components/when";
import { useRead } from "../../services/query";
import type { Attempt, CallDetail } from "../../services/types";
import { useText, useWords } from "../../text";
import "../../components/table.css";
import { plain } from "../models/price";
import { words as priceWords } from "../models/price-text";
import { modelPath, type OneModel } from "../models/priced";
import { ReRate } from "../models/re-rate";
import { partsOf } from "./breakdown";
import { rate, type Terms } from "./rating";
import { words as both } from "./text";

/** What a call turned out to cost by a later rating, where there was one. */
interface Rerated {
  adjusted_cost?: string | null;
  adjustments?: { create_time: string; price_version: string; who: string; note: string }[];
}

function Paid({ attempt, name }: { attempt: Attempt & Terms; name: string }) {
  const { text, format } = useText();
  const { detail } = useWords(both);
  const { data } = useRead<OneModel>(modelPath(attempt.upstream_model), { enabled: attempt.cost !== null });
  const rating = data && rate(attempt, data);
  const parts = rating?.parts ?? partsOf(attempt).map((part) => ({ ...part, rate: undefined, cost: undefined }));
  const factor = rating && plain(rating.factor);
  return (
    <>
      <tr>
        <th scope="row" className="inert" colSpan={3}>
          {name} · {attempt.upstream_model} {attempt.service_terms && <span className="soft">({attempt.service_terms})</span>}
        </th>
        <td className="table-number">{attempt.cost === null ? text.common.unknown : <strong title={`${attempt.cost} USD`}>{format.usd(attempt.cost)}</strong>}</td>
      </tr>
      {parts.map(({ part, tokens, rate, cost }) => (
        <tr key={part}>
          <td>{detail.parts[part]}</td>
          <td className="table-number">{format.whole(tokens)}</td>
          <td className="table-number soft">{rate !== undefined && `× ${detail.perMillion(plain(rate))}`}</td>
          <td className="table-number" title={cost && `${cost} USD`}>{cost !== undefined && format.usd(cost)}</td>
        </tr>
      ))}
      {factor && factor !== "1" && (
        <tr>
          <td colSpan={3}>{detail.factor}</td>
          <td className="table-number">× {factor}</td>
        </tr>
      )}
    </>
  );
}

/** What was paid turned out to be, after prices were mended. */
function Adjusted({ call }: { call: Rerated }) {
  const { format } = useText();
  const { detail } = useWords(both);
  const last = call.adjustments?.at(-1);
  if (!last) return null;
  return (
    <p className="small">
      {detail.adjusted(call.adjusted_cost == null ? "—" : format.usd(call.adjusted_cost))} <span className="soft inert"><Moment at={last.create_time} /> {[last.price_version, last.who, last.note].filter(Boolean).join(" · ")}</span>
    </p>
  );
}

export function Cost({ call, nameOf }: { call: CallDetail & Rerated; nameOf: (id: number | null) => string }) {
  const { text, format } = useText();
  const { detail } = useWords(both);
  const { reRate } = useWords(priceWords);
  const { mayChange } = useAccess();
  const [rating, setRating] = useState(false);
  const paid = call.attempts_detail.filter(({ total_tokens, served }) => served || total_tokens > 0);
  const versions = [...new Set(paid.map(({ price_version }) => price_version).filter(Boolean))];
  const saved = paid.reduce((sum, { cache_saved }) => sum + Number(cache_saved ?? 0), 0);
  return (
    <div className="stack">
      <table className="table cost-table">
        <tbody>
          {paid.map((attempt) => <Paid key={attempt.id} attempt={attempt} name={nameOf(attempt.key_id)} />)}
          <tr>
            <th scope="row" colSpan={3}>{detail.sum}</th>
            <td className="table-number">
              <strong>{call.cost === null ? text.common.unknown : `${call.cost} USD`}</strong>
            </td>
          </tr>
        </tbody>
      </table>
      <Adjusted call={call} />
      <p className="soft small">
        {call.cost === null && call.outcome !== null && `${detail.unpriced} `}
        {versions.length > 0 && `${detail.priceOf(versions.join(", "))}. `}
        {saved > 0 && detail.savedByCache(format.usd(String(saved)))}
      </p>
      {mayChange && call.adjustments && call.outcome !== null && (
        <div>
          <Button size="small" onClick={() => setRating(true)}>{reRate.open}</Button>
        </div>
      )}
      {rating && <ReRate model={call.model} onClose={() => setRating(false)} />}
    </div>
  );
}
