// The ways that requests leave by, in one place: who shares them, where they come out, and how quick they are.

import { Button } from "antd";
import { useMemo, useState } from "react";
import { useAccess } from "../../../access/session";
import { Drawer } from "../../../components/dialog";
import { State, Tag } from "../../../components/state";
import { isAbsent, useTroubleText } from "../../../components/trouble";
import { send } from "../../../services/http";
import type { Key } from "../../../services/types";
import { useText, useWords } from "../../../text";
import { inTurn } from "../in-turn";
import { words as both } from "./text";
import { sharing, type Way, type WayTest, waysOf } from "./ways";

const SIDE_BY_SIDE = 4;
/** No more names are written beside a way. */
const MOST_NAMES = 6;

/** What was found of each way by its proxy; nothing while it is being asked. */
type Tests = ReadonlyMap<string, WayTest | undefined>;

/** Tests ways by one of their keys each. */
function useTests() {
  const words = useWords(both);
  const told = useTroubleText();
  const [tests, setTests] = useState<Tests>(new Map());
  const put = (proxy: string, test: WayTest | undefined) => setTests((tests) => new Map(tests).set(proxy, test));
  async function one({ proxy, keys: [key] }: Way) {
    put(proxy, undefined);
    const failed = (error: unknown): WayTest => ({ ok: false, ip: null, latency_ms: 0, message: isAbsent(error) ? words.absent : told(error) });
    put(proxy, await send<WayTest>(`/api/keys/${key?.id}/egress`, { method: "POST", body: {} }).catch(failed));
  }
  return { tests, test: (ways: readonly Way[]) => void inTurn(ways, SIDE_BY_SIDE, one) };
}

function Found({ tests, proxy }: { tests: Tests; proxy: string }) {
  const { format } = useText();
  const words = useWords(both);
  const test = tests.get(proxy);
  if (!test) return tests.has(proxy) && <State mood="idle">{words.testing}</State>;
  if (test.ip) return <State mood="good">{words.came(test.ip, format.span(test.latency_ms))}</State>;
  return <State mood="bad"><span className="inert">{test.message}</span></State>;
}

interface OneProps {
  way: Way;
  ways: readonly Way[];
  tests: Tests;
  onTest?: (() => void) | undefined;
}

function One({ way, ways, tests, onTest }: OneProps) {
  const { format } = useText();
  const words = useWords(both);
  const { proxy, keys } = way;
  const known = useMemo(() => new Map([...tests].flatMap(([proxy, test]) => (test ? [[proxy, test] as const] : []))), [tests]);
  const shared = sharing(way, ways, known);
  return (
    <li>
      <div className="bar">
        <strong className="inert">{proxy || words.direct}</strong>
        <span className="soft small">{words.keys(format.whole(keys.length), keys.length === 1)}</span>
        {shared > 1 && <Tag>{words.shared(format.whole(shared))}</Tag>}
        {onTest && <Button size="small" disabled={tests.has(proxy) && !tests.get(proxy)} onClick={onTest}>{words.test}</Button>}
      </div>
      <div className="soft small inert">{keys.slice(0, MOST_NAMES).map(({ name }) => name).join(", ")}{keys.length > MOST_NAMES && "…"}</div>
      <div aria-live="polite"><Found tests={tests} proxy={proxy} /></div>
    </li>
  );
}

export function Egress({ keys, onClose }: { keys: readonly Key[]; onClose: () => void }) {
  const words = useWords(both);
  const { mayChange } = useAccess();
  const ways = useMemo(() => waysOf(keys), [keys]);
  const { tests, test } = useTests();
  return (
    <Drawer title={words.title} onClose={onClose} note={mayChange && <Button onClick={() => test(ways)}>{words.testAll}</Button>}>
      <p className="soft">{words.about}</p>
      <ul className="model-states" role="list">
        {ways.map((way) => (
          <One key={way.proxy} way={way} ways={ways} tests={tests} onTest={mayChange ? () => test([way]) : undefined} />
        ))}
      </ul>
    </Drawer>
  );
}
