// Today's sums.

import type { Overview } from "../../services/types";
import { useText } from "../../text";

interface Sum {
  label: string;
  value: string;
  note?: string;
  /** The number to the last digit, where `value` rounds it. */
  exact?: string;
  alarming?: boolean;
}

function SumTile({ label, value, note, exact, alarming = false }: Sum) {
  return (
    <div className="sum panel">
      <dt className="soft">{label}</dt>
      <dd className={alarming ? "sum-value sum-alarming" : "sum-value"} title={exact}>
        {value}
      </dd>
      {note && <dd className="soft">{note}</dd>}
    </div>
  );
}

export function Totals({ overview }: { overview: Overview }) {
  const { text, format } = useText();
  const { requests, errors, unpriced_requests: unpriced } = overview;
  const words = text.overview;
  return (
    <section aria-labelledby="today">
      <h2 id="today">
        {words.today} <small className="soft">{words.todayNote}</small>
      </h2>
      <dl className="sums">
        <SumTile label={words.requests} value={format.whole(requests)} />
        <SumTile
          label={words.errors}
          value={format.whole(errors)}
          note={words.errorShare(format.share(errors, requests))}
          alarming={errors > 0}
        />
        <SumTile
          label={words.tokens}
          value={format.short(overview.total_tokens)}
          note={words.tokensSplit(format.short(overview.input_tokens), format.short(overview.output_tokens))}
          exact={format.whole(overview.total_tokens)}
        />
        <SumTile
          label={words.cost}
          value={format.usd(overview.cost)}
          note={unpriced > 0 ? words.unpriced(format.whole(unpriced), unpriced === 1) : words.allPriced}
          exact={`${overview.cost} USD`}
        />
      </dl>
    </section>
  );
}
