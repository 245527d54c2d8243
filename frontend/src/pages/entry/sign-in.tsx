// Lets people in: by name and password, or by the admin token.

import { Alert, Button, Input } from "antd";
import { type FormEvent, useState } from "react";
import { enterByToken, enterWith, type Me, type Session } from "../../access/session";
import { isToken } from "../../access/token";
import { Field } from "../../components/field";
import { useTroubleText } from "../../components/trouble";
import { ApiError, send } from "../../services/http";
import { useText, useWords } from "../../text";
import { Elsewhere } from "./elsewhere";
import { Frame } from "./frame";
import { words as both } from "./text";

interface Props {
  passwords: boolean;
  lost: boolean;
  onEnter: (session: Session) => void;
  onLost: () => void;
}

const unknown = (error: unknown) => error instanceof ApiError && error.status === 401;

/** Runs a door's attempt and says what is wrong with it. */
function useAttempt(refused: string) {
  const told = useTroubleText();
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);
  async function attempt(work: () => Promise<void>) {
    setBusy(true);
    setProblem(undefined);
    await work().catch((error: unknown) => setProblem(unknown(error) ? refused : told(error)));
    setBusy(false);
  }
  return { problem, setProblem, busy, attempt };
}

function PasswordForm({ onEnter, onLost }: Pick<Props, "onEnter" | "onLost">) {
  const words = useWords(both);
  const { problem, setProblem, busy, attempt } = useAttempt(words.wrongPassword);
  const [username, setUsername] = useState("");
  const [password, setPassword] = useState("");

  function submit(event: FormEvent) {
    event.preventDefault();
    if (!username.trim() || !password) return setProblem(words.missing);
    void attempt(async () => {
      const body = { username: username.trim(), password };
      onEnter(enterWith(await send<Me>("/api/auth/login", { method: "POST", body }), onLost));
    });
  }

  return (
    <form className="form" onSubmit={submit}>
      <Field label={words.username}>
        <Input size="large" autoFocus autoComplete="username" value={username} onChange={(e) => setUsername(e.target.value)} />
      </Field>
      <Field label={words.password}>
        <Input.Password size="large" autoComplete="current-password" value={password} onChange={(e) => setPassword(e.target.value)} />
      </Field>
      {problem && <Alert type="error" showIcon title={problem} role="alert" />}
      <Button type="primary" size="large" htmlType="submit" loading={busy}>
        {words.signIn}
      </Button>
    </form>
  );
}

function TokenForm({ onEnter, onLost }: Pick<Props, "onEnter" | "onLost">) {
  const words = useWords(both);
  const { problem, setProblem, busy, attempt } = useAttempt(words.wrongToken);
  const [typed, setTyped] = useState("");

  function submit(event: FormEvent) {
    event.preventDefault();
    const token = typed.trim();
    if (!token) return setProblem(words.missing);
    if (!isToken(token)) return setProblem(words.malformed);
    void attempt(async () => onEnter(await enterByToken(token, onLost)));
  }

  return (
    <form className="form" onSubmit={submit}>
      <Field label={words.token} hint={words.tokenHint}>
        <Input.Password size="large" autoFocus autoComplete="current-password" value={typed} onChange={(e) => setTyped(e.target.value)} />
      </Field>
      {problem && <Alert type="error" showIcon title={problem} role="alert" />}
      <Button type="primary" size="large" htmlType="submit" loading={busy}>
        {words.signIn}
      </Button>
    </form>
  );
}

export function SignIn({ passwords, lost, ...doors }: Props) {
  const words = useWords(both);
  const { text } = useText();
  const [byToken, setByToken] = useState(!passwords);
  return (
    <Frame>
      <div className="entry-form">
        <h1>{words.signIn}</h1>
        <p className="soft">{words.why}</p>
        {lost && <Alert type="info" showIcon title={text.shell.lost} role="status" />}
        <Elsewhere />
        {byToken ? <TokenForm {...doors} /> : <PasswordForm {...doors} />}
        {passwords && (
          <Button type="link" onClick={() => setByToken(!byToken)}>
            {byToken ? words.withPassword : words.withToken}
          </Button>
        )}
      </div>
    </Frame>
  );
}
