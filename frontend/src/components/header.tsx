// The top of every page: name, what the server says of itself, language, sign out.

import { Button } from "antd";
import icon from "../style/icon.svg";
import { readServer, type ServerState } from "../services/api";
import type { Known } from "../services/poll";
import { usePolled } from "../services/use-polled";
import { choices, type Text, useText } from "../text";
import { type Mood, State } from "./state";

const EVERY_MS = 5_000;

/** What the server's own word, or its silence, means to a reader. */
export function serverMood({ answer, error }: Known<ServerState>, text: Text["shell"]): [Mood, string] {
  if (error) return ["bad", text.away];
  if (!answer) return ["idle", text.asking];
  return answer.ready ? ["good", text.healthy] : ["warn", text.notReady];
}

function Languages() {
  const { text, language, choose } = useText();
  return (
    <nav aria-label={text.shell.language}>
      {choices
        .filter(({ id }) => id !== language)
        .map(({ id, name }) => (
          <Button key={id} type="text" lang={id} onClick={() => choose(id)}>
            {name}
          </Button>
        ))}
    </nav>
  );
}

export function Header({ onSignOut }: { onSignOut: (() => void) | undefined }) {
  const { text } = useText();
  const known = usePolled(readServer, EVERY_MS);
  const [mood, word] = serverMood(known, text.shell);
  return (
    <header className="shell-header">
      <span className="shell-name">
        <img src={icon} alt="" width={24} height={24} />
        AMP Pool
      </span>
      <span role="status">
        <State mood={mood}>{word}</State>
      </span>
      {known.answer && <span className="soft">{text.shell.version(known.answer.version)}</span>}
      <div className="shell-actions">
        <Languages />
        {onSignOut && <Button onClick={onSignOut}>{text.shell.signOut}</Button>}
      </div>
    </header>
  );
}
