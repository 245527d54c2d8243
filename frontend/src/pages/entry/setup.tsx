// Makes the first admin.

import { Alert, Button, Input } from "antd";
import { type FormEvent, useState } from "react";
import { enterWith, type Me, type Session } from "../../access/session";
import { Field } from "../../components/field";
import { useTroubleText } from "../../components/trouble";
import { send } from "../../services/http";
import { useWords } from "../../text";
import { Frame } from "./frame";
import { codeOf, objection } from "./password";
import { words as both } from "./text";

interface Props {
  onEnter: (session: Session) => void;
  onLost: () => void;
  /** Who holds the admin token comes in by that. */
  onToken: () => void;
}

export function Setup({ onEnter, onLost, onToken }: Props) {
  const words = useWords(both);
  const told = useTroubleText();
  const [code, setCode] = useState(() => codeOf(window.location.hash));
  const [fromLink] = useState(code !== "");
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");
  const [repeated, setRepeated] = useState("");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);

  async function create() {
    const body = { token: code.trim(), username: username.trim(), password };
    const me = await send<Me>("/api/auth/setup", { method: "POST", body });
    // The code has done its work, and should not stand in the history.
    window.history.replaceState(null, "", "/");
    onEnter(enterWith(me, onLost));
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    const wrong = objection({ username, password, repeated }, words);
    setProblem(wrong);
    if (wrong) return;
    setBusy(true);
    create()
      .catch((error: unknown) => setProblem(told(error)))
      .finally(() => setBusy(false));
  }

  return (
    <Frame>
      <form className="entry-form" onSubmit={submit}>
        <h1>{words.setupTitle}</h1>
        <p className="soft">{words.setupWhy}</p>
        {!fromLink && (
          <Field label={words.setupCode} hint={words.setupCodeHint}>
            <Input size="large" autoFocus autoComplete="off" value={code} onChange={(e) => setCode(e.target.value)} />
          </Field>
        )}
        <Field label={words.username}>
          <Input size="large" autoFocus={fromLink} autoComplete="username" value={username} onChange={(e) => setUsername(e.target.value)} />
        </Field>
        <Field label={words.password} hint={words.passwordHint}>
          <Input.Password size="large" autoComplete="new-password" value={password} onChange={(e) => setPassword(e.target.value)} />
        </Field>
        <Field label={words.repeat}>
          <Input.Password size="large" autoComplete="new-password" value={repeated} onChange={(e) => setRepeated(e.target.value)} />
        </Field>
        {problem && <Alert type="error" showIcon title={problem} role="alert" />}
        <Button type="primary" size="large" htmlType="submit" loading={busy}>
          {words.create}
        </Button>
        <Button type="link" onClick={onToken}>
          {words.withToken}
        </Button>
      </form>
    </Frame>
  );
}
