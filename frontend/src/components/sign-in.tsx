// Asks for the admin token, and tries it before anything is shown.

import { Alert, Button, Input } from "antd";
import { type FormEvent, useId, useState } from "react";
import { isToken } from "../access/token";
import { ApiError, readSnapshot } from "../services/api";
import { type Text, useText } from "../text";
import "./sign-in.css";
import { troubleText } from "./trouble";

/** What is wrong with the token, or nothing. */
async function objection(token: string, text: Text): Promise<string | undefined> {
  if (!token) return text.signIn.missing;
  if (!isToken(token)) return text.signIn.malformed;
  try {
    await readSnapshot(token, new AbortController().signal);
    return undefined;
  } catch (error) {
    if (error instanceof ApiError) return troubleText(error, text.trouble);
    throw error;
  }
}

interface Props {
  /** The server refused the token that was used until now. */
  rejected: boolean;
  onToken: (token: string) => void;
}

export function SignIn({ rejected, onToken }: Props) {
  const { text } = useText();
  const field = useId();
  const [typed, setTyped] = useState("");
  const [asking, setAsking] = useState(false);
  const [problem, setProblem] = useState(rejected ? text.signIn.rejected : undefined);

  async function submit(event: FormEvent) {
    event.preventDefault();
    setAsking(true);
    const found = await objection(typed.trim(), text);
    setAsking(false);
    setProblem(found);
    if (!found) onToken(typed.trim());
  }

  return (
    <form className="sign-in panel" onSubmit={submit}>
      <h1>{text.signIn.title}</h1>
      <p className="soft">{text.signIn.why}</p>
      <label htmlFor={field}>{text.signIn.token}</label>
      <Input.Password
        id={field}
        size="large"
        autoFocus
        autoComplete="current-password"
        aria-describedby={`${field}-hint`}
        {...(problem && { status: "error", "aria-invalid": true })}
        value={typed}
        onChange={(event) => setTyped(event.target.value)}
      />
      <p id={`${field}-hint`} className="soft">
        {text.signIn.hint}
      </p>
      {problem && <Alert type="error" showIcon title={problem} role="alert" />}
      <Button type="primary" size="large" htmlType="submit" loading={asking}>
        {text.signIn.action}
      </Button>
    </form>
  );
}
