// One call in the list: a line that tells the chain, and of which every value filters when clicked.

import { Link } from "@tanstack/react-router";
import { memo } from "react";
import { CallBadge } from "../../components/call-line";
import type { Call } from "../../services/types";
import { useOpened } from "../../components/when";
import { useText, useWords } from "../../text";
import type { LogSearch } from "./filter";
import { words as both } from "./text";

interface Props {
  call: Call;
  index: number;
  keyName: string | undefined;
  onOpen: (call: Call) => void;
  onFilter: (change: LogSearch) => void;
}

/** A value that narrows the list to itself. */
function Value({ text, title, onClick }: { text: string; title?: string | undefined; onClick: () => void }) {
  return (
    <button type="button" className="log-value cut" title={title ?? text} onClick={onClick} tabIndex={-1}>
      {text}
    </button>
  );
}

function Way({ call, keyName, onFilter }: Pick<Props, "call" | "keyName" | "onFilter">) {
  const { format } = useText();
  const words = useWords(both);
  const { key_id, attempts } = call;
  return (
    <span role="cell" className="log-way">
      {key_id === null ? <span className="soft">{words.noKey}</span> : <Value text={keyName ?? `#${key_id}`} onClick={() => onFilter({ key_id })} />}
      {attempts > 1 && <span className="tag">{words.tries(format.whole(attempts))}</span>}
    </span>
  );
}

export const Row = memo(function Row({ call, index, keyName, onOpen, onFilter }: Props) {
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
        <Value text={call.model} title={call.upstream_model && call.upstream_model !== call.model ? `${call.model} → ${call.upstream_model}` : undefined} onClick={() => onFilter({ model: call.model })} />
      </span>
      <Way call={call} keyName={keyName} onFilter={onFilter} />
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
        {call.error_type && <Value text={words.errors[call.error_type] ?? call.error_type} title={call.error_message ?? call.error_type} onClick={() => onFilter({ error_type: call.error_type ?? "" })} />}
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
