// Keys that somebody should look at.

import { Link } from "@tanstack/react-router";
import { KeyState } from "../../components/key-state";
import { Panel } from "../../components/page";
import { byTrouble, needsAttention } from "../../services/fitness";
import type { Key } from "../../services/types";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

const MOST = 8;

function One({ entry }: { entry: Key }) {
  return (
    <li>
      <Link to="/keys" search={{ open: entry.id }}>
        {entry.name}
      </Link>{" "}
      <span className="soft small">{entry.provider}</span>
      <KeyState entry={entry} />
    </li>
  );
}

export function Attention({ keys }: { keys: readonly Key[] }) {
  const { text, format } = useText();
  const words = useWords(both);
  const found = byTrouble(keys.filter(needsAttention));
  return (
    <Panel title={words.attention} note={found.length > 0 && format.whole(found.length)}>
      {found.length === 0 && <p className="soft">{words.allWell}</p>}
      <ul className="attention" role="list">
        {found.slice(0, MOST).map((key) => (
          <One key={key.id} entry={key} />
        ))}
      </ul>
      {found.length > MOST && (
        <Link to="/keys" search={{ state: "trouble" }}>
          {text.common.more}
        </Link>
      )}
    </Panel>
  );
}
