// One call: in human words first, then as it went, what it cost, and what a translation changed.

import LinkOutlined from "@ant-design/icons/LinkOutlined";
import { Button } from "antd";
import { Drawer } from "../../components/dialog";
import { Code, Copy } from "../../components/copy";
import { CallBadge } from "../../components/call-line";
import { Fact, Facts, Waiting } from "../../components/page";
import { Tag } from "../../components/state";
import { Trouble } from "../../components/trouble";
import { Moment } from "../../components/when";
import { messageIn } from "../../services/reason";
import { useRead } from "../../services/query";
import type { CallDetail, Loss } from "../../services/types";
import { useText, useWords } from "../../text";
import { Bodies } from "./bodies";
import { Cost } from "./cost";
import { curlOf } from "./curl";
import type { Facet } from "./filter";
import { words as both } from "./text";
import { TimeLine } from "./timeline";

/** A call that still runs is looked at again so often, in milliseconds. */
const EVERY_MS = 2_000;

function Losses({ losses }: { losses: readonly Loss[] }) {
  const { detail } = useWords(both);
  return (
    <ul className="losses">
      {losses.map(({ side, kind, field, note }) => (
        <li key={`${side} ${kind} ${field} ${note}`}>
          <Tag>{detail.sides[side] ?? side}</Tag> <Tag>{kind}</Tag> <code className="code inert">{field}</code> <span className="soft inert">{note}</span>
        </li>
      ))}
    </ul>
  );
}

/** What the client asked, what was sent, what came back; the differences stand out. */
function Ways({ call }: { call: CallDetail }) {
  const { detail } = useWords(both);
  const served = call.attempts_detail.find(({ served }) => served) ?? call.attempts_detail.at(-1);
  const sent = served ?? { upstream_format: call.upstream_format, upstream_model: call.upstream_model };
  const differs = (a: string | null | undefined, b: string | null | undefined) => (a !== b ? "differs" : undefined);
  return (
    <div className="ways">
      <div>
        <h4>{detail.asked}</h4>
        <div className="inert">{call.model}</div>
        <div className="soft">
          {call.format} · {call.stream ? detail.stream : detail.whole}
        </div>
      </div>
      <div>
        <h4>{detail.sent}</h4>
        <div className={`inert ${differs(call.model, sent.upstream_model) ?? ""}`}>{sent.upstream_model ?? "—"}</div>
        <div className={`soft ${differs(call.format, sent.upstream_format) ?? ""}`}>{sent.upstream_format ?? "—"}</div>
      </div>
      <div>
        <h4>{detail.answered}</h4>
        <div>{served?.http_status_code ?? "—"}</div>
        <div className="soft inert">{served?.error_message ? messageIn(served.error_message) : served?.verdict}</div>
      </div>
    </div>
  );
}

interface Names {
  keyName: (id: number | null) => string;
  tokenName: (id: number | null) => string;
  onFacet: (facet: Facet, value: string | number, out: boolean) => void;
}

/** A value with the ways to see only calls that have it, or all others. */
function Narrow({ facet, value, shown, onFacet }: Pick<Names, "onFacet"> & { facet: Facet; value: string | number | null; shown: string }) {
  const { detail } = useWords(both);
  if (value === null) return shown;
  return (
    <>
      <span className="inert">{shown}</span>
      <span className="narrow">
        <Button type="text" size="small" aria-label={detail.only(shown)} title={detail.only(shown)} onClick={() => onFacet(facet, value, false)}>=</Button>
        <Button type="text" size="small" aria-label={detail.without(shown)} title={detail.without(shown)} onClick={() => onFacet(facet, value, true)}>≠</Button>
      </span>
    </>
  );
}

function Heading({ call, keyName, tokenName, onFacet }: Names & { call: CallDetail }) {
  const { text, format } = useText();
  const { detail, errors } = useWords(both);
  const { key_id, token_id, model, error_type } = call;
  return (
    <Facts>
      <Fact name={text.common.time}><Moment at={call.create_time} /></Fact>
      <Fact name={text.common.model}><Narrow facet="model" value={model} shown={model} onFacet={onFacet} /></Fact>
      <Fact name={text.common.key}><Narrow facet="key_id" value={key_id} shown={keyName(key_id)} onFacet={onFacet} /></Fact>
      <Fact name={text.common.token}><Narrow facet="token_id" value={token_id} shown={tokenName(token_id)} onFacet={onFacet} /></Fact>
      {error_type && <Fact name={text.common.errors}><Narrow facet="error_type" value={error_type} shown={errors[error_type] ?? error_type} onFacet={onFacet} /></Fact>}
      <Fact name={text.common.latency}>{call.latency_ms === null ? "…" : format.span(call.latency_ms)}</Fact>
      <Fact name={detail.firstByte}>{call.first_byte_ms === null ? "—" : format.span(call.first_byte_ms)}</Fact>
      <Fact name={text.common.cost}>{call.cost === null ? text.common.unknown : format.usd(call.cost)}</Fact>
    </Facts>
  );
}

function Found({ call, ...names }: Names & { call: CallDetail }) {
  const { detail, errors } = useWords(both);
  const translated = call.upstream_format !== null && call.upstream_format !== call.format;
  return (
    <>
      <Heading call={call} {...names} />
      {call.error_message && (
        <div className="error-box" role="note">
          <strong>{call.error_type && (errors[call.error_type] ?? call.error_type)}</strong>
          <div className="inert">{messageIn(call.error_message)}</div>
        </div>
      )}
      <h3>{detail.timeline}</h3>
      <TimeLine call={call} nameOf={names.keyName} />
      <h3>{detail.ways}</h3>
      <Ways call={call} />
      {call.losses.length > 0 ? (
        <>
          <h3>{detail.losses}</h3>
          <Losses losses={call.losses} />
        </>
      ) : (
        <p className="soft small">{translated ? detail.lossesNone : detail.same}</p>
      )}
      <h3>{detail.cost}</h3>
      <Cost call={call} nameOf={names.keyName} />
      <Bodies id={call.call_id} />
      <h3>{detail.curl}</h3>
      <p className="soft small">{detail.curlNote}</p>
      <Code value={curlOf(call, window.location.origin)} label={detail.curl} />
      <details>
        <summary>{detail.raw}</summary>
        <Code value={JSON.stringify(call, null, 2)} label={detail.raw} />
      </details>
    </>
  );
}

export function Detail({ id, onClose, ...names }: Names & { id: string; onClose: () => void }) {
  const { detail } = useWords(both);
  const { data, error } = useRead<CallDetail>(`/api/requests/${encodeURIComponent(id)}`, { every: EVERY_MS, isFinal: ({ outcome }) => outcome !== null });
  const note = (
    <span className="bar">
      {data && <CallBadge call={data} />}
      <Copy value={id} label={detail.id} />
      <Copy value={`${window.location.origin}/requests?open=${encodeURIComponent(id)}`} label={detail.link} icon={<LinkOutlined />} />
    </span>
  );
  return (
    <Drawer title={data ? `${detail.title} · ${data.model}` : detail.title} note={note} size="large" onClose={onClose}>
      {error && <Trouble error={error} />}
      {!data && !error && <Waiting rows={8} />}
      {data && <Found call={data} {...names} />}
    </Drawer>
  );
}
