// One call in the list: a line that tells the chain, and of which every value filters when clicked.

import { Link } from "@tanstack/react-router";
import { memo } from "react";
import { CallBadge } from "../../components/call-line";
import type { Call } from "../../services/types";
import { useOpened } from "../../components/when";
import { useText, useWords } from "../../text";
import { type Chained, chainOf } from "./chain";
import type { Facet } from "./filter";
import { words as both } from "./text";

interface Props {
  call: Call & Chained;
  index: number;
  keyNames: ReadonlyMap<number, string>;
  onOpen: (call: Call) => void;
  onFacet: (facet: Facet, value: string | number, out: boolean) => void;
}

interface ValueProps extends Pick<Props, "onFacet"> {
  facet: Facet;
  value: string | number;
  text: string;
  title?: string | undefined;
}

/** A value that narrows the list to itself, or with Alt to all but itself. The details of a call offer the same by keyboard. */
function Value({ facet, value, text, title = text, onFacet }: ValueProps) {
  const { facetHint } = useWords(both);
  return (
    <button type="button" className="log-value cut" title={`${title}\n${facetHint}`} onClick={({ altKey }) => onFacet(facet, value, altKey)} tabIndex={-1}>
      {text}
    </button>
  );
}

/** The keys that were asked one after the other, and what the others cost in time. */
function Way({ call, keyNames, onFacet }: Pick<Props, "call" | "keyNames" | "onFacet">) {
  const { format } = useText();
  const words = useWords(both);
  const { key_id, attempts } = call;
  const name = (id: number) => keyNames.get(id) ?? `#${id}`;
  const chain = chainOf(call);
  const before = chain?.before.map(({ key_id, status }) => `${name(key_id)} ${status} → `).join("");
  return (
    <span role="cell" className="log-way">
      {before && <span className="log-before soft" title={before}>{before}</span>}
      {key_id === null ? <span className="soft">{words.noKey}</span> : <Value facet="key_id" value={key_id} text={name(key_id)} onFacet={onFacet} />}
      {chain && <span className="soft log-lost">+{format.span(chain.lostMs)}</span>}
      {!chain && attempts > 1 && <span className="tag">{words.tries(format.whole(attempts))}</span>}
    </span>
  );
}

export const Row = memo(function Row({ call, index, keyNames, onOpen, onFacet }: Props) {
  const { format } = useText();
  const words = useWords(both);
  const at = Date.parse(call.create_time);
  return (
    <div role="row" data-row aria-rowindex={index + 2} className="log-row" onClick={(event) => !(event.target as Element).closest("a, button") && onOpen(call)}>
      <span role="cell">
        <Link to="/requests" search={(search) => ({ ...search, open: call.call_id })} className="number" title={format.moment(at)}>
          {format.time(at)}
        </Link>
      </span>
      <span role="cell" className="log-model">
        <Value facet="model" value={call.model} text={call.model} title={call.upstream_model && call.upstream_model !== call.model ? `${call.model} → ${call.upstream_model}` : undefined} onFacet={onFacet} />
      </span>
      <Way call={call} keyNames={keyNames} onFacet={onFacet} />
      <span role="cell" className="log-number" title={`${format.whole(call.input_tokens)} + ${format.whole(call.output_tokens)}`}>
        {call.estimated && <span title={words.estimated}>≈</span>}
        {format.short(call.total_tokens)}
      </span>
      <span role="cell" className="log-number" title={call.cost === null ? undefined : `${call.cost} USD`}>
        {call.cost === null ? <span className="soft">—</span> : format.usd(call.cost)}
      </span>
      <span role="cell" className="log-number">
        {call.latency_ms === null ? "…" : format.span(call.latency_ms)}
      </span>
      <span role="cell" className="log-state">
        <CallBadge call={call} />
        {call.error_type && <Value facet="error_type" value={call.error_type} text={words.errors[call.error_type] ?? call.error_type} title={call.error_message ?? call.error_type} onFacet={onFacet} />}
      </span>
    </div>
  );
});

export function Head() {
  const { format } = useText();
  const { columns } = useWords(both);
  const heads = [`${columns.time} (${format.zone(useOpened())})`, columns.model, columns.way, columns.tokens, columns.cost, columns.took, columns.state];
  return (
    <div role="row" aria-rowindex={1} className="log-row log-heads">
      {heads.map((head, at) => (
        <span key={head} role="columnheader" className={at >= 3 && at <= 5 ? "log-number" : ""}>
          {head}
        </span>
      ))}
    </div>
  );
}
