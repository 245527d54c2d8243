// Tries keys with one real small request each, and tells what came of it.

import { Button } from "antd";
import { useEffect, useState } from "react";
import { Dialog } from "../../components/dialog";
import { useVerdictText } from "../../components/reason";
import { type Mood, State } from "../../components/state";
import { isAbsent, useTroubleText } from "../../components/trouble";
import { send } from "../../services/http";
import { useRefresh } from "../../services/query";
import type { Key } from "../../services/types";
import { useText, useWords } from "../../text";
import { useKeyChanges } from "./changes";
import { inTurn } from "./in-turn";
import { type TestResult, TestReport } from "./test-report";
import { words as both } from "./text";

const SIDE_BY_SIDE = 4;
/** A test asks an upstream, which may be slow to say no. */
const PATIENCE_MS = 120_000;

type Outcome = { result: TestResult } | { error: unknown };

const test = (key: Key) => send<TestResult>(`/api/keys/${key.id}/test`, { method: "POST", body: {}, patienceMs: PATIENCE_MS });

/** Tests all of `keys`, which have to keep their identity, once, and gives what is known so far. */
function useTests(keys: readonly Key[]): ReadonlyMap<number, Outcome> {
  const refresh = useRefresh();
  const [found, setFound] = useState<ReadonlyMap<number, Outcome>>(new Map());
  useEffect(() => {
    let ended = false;
    const put = (key: Key, outcome: Outcome) => ended || setFound((found) => new Map(found).set(key.id, outcome));
    void inTurn(keys, SIDE_BY_SIDE, async (key) => {
      if (ended) return;
      await test(key).then((result) => put(key, { result }), (error: unknown) => put(key, { error }));
    }).then(() => refresh("/api/keys"));
    return () => {
      ended = true;
    };
  }, [keys, refresh]);
  return found;
}

function One({ entry, outcome }: { entry: Key; outcome: Outcome | undefined }) {
  const words = useWords(both);
  const told = useTroubleText();
  if (!outcome) return <State mood="idle">{words.testing}</State>;
  if ("result" in outcome) return <TestReport result={outcome.result} />;
  const [mood, word]: [Mood, string] = isAbsent(outcome.error) ? ["idle", words.testPanel.absent] : ["bad", told(outcome.error)];
  return <State mood={mood}>{word || entry.name}</State>;
}

/** Those that failed alike can be paused together. */
function Classes({ keys, found }: { keys: readonly Key[]; found: ReadonlyMap<number, Outcome> }) {
  const { format } = useText();
  const words = useWords(both);
  const verdict = useVerdictText();
  const { toMany } = useKeyChanges();
  const failed = keys.filter(({ id, enabled }) => enabled && badVerdict(found.get(id)));
  const verdicts = [...new Set(failed.map(({ id }) => badVerdict(found.get(id)) ?? ""))];
  if (verdicts.length === 0) return null;
  return verdicts.map((name) => {
    const alike = failed.filter(({ id }) => badVerdict(found.get(id)) === name);
    return (
      <Button key={name} onClick={() => void toMany(alike, "disable")}>
        {words.testPanel.pauseAll(format.whole(alike.length), verdict(name))}
      </Button>
    );
  });
}

const badVerdict = (outcome: Outcome | undefined) => (outcome && "result" in outcome && !outcome.result.ok ? outcome.result.verdict : undefined);

export function TestMany({ keys, onClose }: { keys: readonly Key[]; onClose: () => void }) {
  const { format } = useText();
  const words = useWords(both);
  const [tested] = useState(keys);
  const found = useTests(tested);
  const [only] = tested.length === 1 ? tested : [];
  const title = words.testPanel.title(only ? only.name : format.whole(tested.length));
  return (
    <Dialog title={title} size="medium" onClose={onClose} footer={!only && <Classes keys={tested} found={found} />} note={!only && <span className="soft number">{words.progress(format.whole(found.size), format.whole(tested.length))}</span>}>
      <ul className="tests" role="list" aria-live="polite">
        {tested.map((key) => (
          <li key={key.id}>
            {!only && <strong>{key.name}</strong>}
            <One entry={key} outcome={found.get(key.id)} />
          </li>
        ))}
      </ul>
    </Dialog>
  );
}
