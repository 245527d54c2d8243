// All keys with their credentials, for who shows their password again.

import { Button, Input } from "antd";
import { type FormEvent, useId, useState } from "react";
import { Dialog } from "../../components/dialog";
import { download } from "../../components/download";
import { Field } from "../../components/field";
import { useTroubleText } from "../../components/trouble";
import { ask, checked } from "../../services/http";
import { useText, useWords } from "../../text";
import { words as both } from "./text";

const PATH = "/api/keys/export";

export function ExportSecrets({ onClose }: { onClose: () => void }) {
  const { text } = useText();
  const { exportSecrets: words } = useWords(both);
  const told = useTroubleText();
  const id = useId();
  const [password, setPassword] = useState("");
  const [problem, setProblem] = useState<string>();

  async function submit(event: FormEvent) {
    event.preventDefault();
    try {
      const response = await checked(PATH, await ask(PATH, { method: "POST", body: { password } }));
      download("keys.json", await response.blob());
      onClose();
    } catch (error) {
      setProblem(told(error));
    }
  }

  const footer = (
    <>
      <Button onClick={onClose}>{text.common.cancel}</Button>
      <Button type="primary" danger htmlType="submit" form={id} disabled={!password}>{words.save}</Button>
    </>
  );
  return (
    <Dialog title={words.title} size="small" onClose={onClose} footer={footer}>
      <form id={id} className="form" onSubmit={(event) => void submit(event)}>
        <p>{words.why}</p>
        <Field label={words.password} problem={problem}>
          <Input.Password autoComplete="current-password" value={password} onChange={(event) => setPassword(event.target.value)} />
        </Field>
      </form>
    </Dialog>
  );
}
