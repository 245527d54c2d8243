// Who one is here, and one's password.

import { Button, Input } from "antd";
import { type FormEvent, useState } from "react";
import { useAccess } from "../../access/session";
import { Field } from "../../components/field";
import { Fact, Facts, Panel } from "../../components/page";
import { tell } from "../../components/toast";
import { useTroubleText } from "../../components/trouble";
import { askWith, send } from "../../services/http";
import type { Me } from "../../services/types";
import { useText, useWords } from "../../text";
import { objection } from "../entry/password";
import { words as entryWords } from "../entry/text";
import { words as both } from "./text";

function PasswordForm({ username, signOut }: { username: string; signOut: () => void }) {
  const { password: words } = useWords(both);
  const entry = useWords(entryWords);
  const told = useTroubleText();
  const [current, setCurrent] = useState("");
  const [next, setNext] = useState("");
  const [repeated, setRepeated] = useState("");
  const [problem, setProblem] = useState<string>();
  const [busy, setBusy] = useState(false);

  async function change() {
    setBusy(true);
    try {
      const body = { current_password: current, new_password: next };
      const { csrf_token } = await send<Me>("/api/auth/password", { method: "POST", body });
      if (csrf_token) askWith({ csrf: csrf_token }, signOut);
      tell(words.saved);
      for (const clear of [setCurrent, setNext, setRepeated]) clear("");
    } catch (error) {
      setProblem(told(error));
    }
    setBusy(false);
  }

  function submit(event: FormEvent) {
    event.preventDefault();
    const wrong = current ? objection({ username, password: next, repeated }, entry) : entry.missing;
    setProblem(wrong);
    if (!wrong) void change();
  }

  return (
    <form className="form settings-form" onSubmit={submit}>
      <h3>{words.title}</h3>
      <Field label={words.current}>
        <Input.Password autoComplete="current-password" value={current} onChange={(event) => setCurrent(event.target.value)} />
      </Field>
      <Field label={words.next} hint={entry.passwordHint}>
        <Input.Password autoComplete="new-password" value={next} onChange={(event) => setNext(event.target.value)} />
      </Field>
      <Field label={words.repeat}>
        <Input.Password autoComplete="new-password" value={repeated} onChange={(event) => setRepeated(event.target.value)} />
      </Field>
      {problem && <p className="problem" role="alert">{problem}</p>}
      <div>
        <Button type="primary" htmlType="submit" loading={busy}>{words.save}</Button>
      </div>
    </form>
  );
}

export function Account() {
  const { text } = useText();
  const words = useWords(both);
  const { user, byToken, signOut } = useAccess();
  return (
    <Panel title={words.account}>
      <div className="stack">
        <Facts>
          <Fact name={text.common.name}>{user.username}</Fact>
          <Fact name={words.role}>
            {words.roles[user.role]}: <span className="soft">{words.roleHints[user.role]}</span>
          </Fact>
        </Facts>
        {byToken ? <p className="soft">{words.accountToken}</p> : <PasswordForm username={user.username} signOut={signOut} />}
      </div>
    </Panel>
  );
}
