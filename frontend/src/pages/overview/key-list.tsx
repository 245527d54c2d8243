// Every key with its state and its day.

import { State } from "../../components/state";
import type { Key, KeyStatus, List } from "../../services/types";
import { useNow } from "../../services/use-polled";
import { useText } from "../../text";
import { byTrouble, moodOf } from "./by-trouble";

function Wait({ until }: { until: string }) {
  const { text, format } = useText();
  return <>{text.keys.retry(format.ahead(Date.parse(until), useNow()) ?? text.keys.anyMoment)}</>;
}

function Status({ state, until, reason }: KeyStatus) {
  const { text } = useText();
  return (
    <div className="key-status">
      <State mood={moodOf(state)}>{text.keys.states[state] ?? state}</State>
      {until && (
        <span className="soft">
          {" "}
          <Wait until={until} />
        </span>
      )}
      {reason && <div className="soft">{reason}</div>}
    </div>
  );
}

function Figure({ label, value, exact }: { label: string; value: string; exact?: string }) {
  return (
    <div className="figure" title={exact}>
      <span className="figure-label soft">{label}</span> <span>{value}</span>
    </div>
  );
}

function KeyRow({ entry: { name, provider, api_key_hint, status, today } }: { entry: Key }) {
  const { text, format } = useText();
  return (
    <li className="key">
      <div className="key-name">
        <strong>{name}</strong>
        <div className="soft">
          {provider} <span className="code">{api_key_hint}</span>
        </div>
      </div>
      <Status {...status} />
      <Figure label={text.keys.requests} value={format.whole(today.requests)} />
      <Figure label={text.keys.tokens} value={format.short(today.tokens)} exact={format.whole(today.tokens)} />
      <Figure label={text.keys.cost} value={format.usd(today.cost)} exact={`${today.cost} USD`} />
    </li>
  );
}

/** Names the columns for the eye; each figure carries its label for everybody else. */
function Heads() {
  const { keys } = useText().text;
  const heads = [keys.name, keys.state, keys.requests, keys.tokens, keys.cost];
  return (
    <div className="key key-heads soft" aria-hidden>
      {heads.map((head) => (
        <span key={head}>{head}</span>
      ))}
    </div>
  );
}

export function KeyList({ keys, total }: { keys: List<Key>; total: number }) {
  const { text, format } = useText();
  return (
    <section aria-labelledby="keys">
      <h2 id="keys">
        {text.keys.title} <small className="soft">{text.keys.note}</small>
      </h2>
      <div className="keys panel">
        <Heads />
        {/* Safari takes a list without bullets for no list. */}
        <ul role="list">
          {byTrouble(keys.items).map((key) => (
            <KeyRow key={key.id} entry={key} />
          ))}
        </ul>
      </div>
      {keys.next_cursor && (
        <p className="soft">{text.keys.shown(format.whole(keys.items.length), format.whole(total))}</p>
      )}
    </section>
  );
}
