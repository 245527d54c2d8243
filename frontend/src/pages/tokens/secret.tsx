// The one time that a token is shown, and how to put it to use.

import { useNavigate } from "@tanstack/react-router";
import { Alert, Button } from "antd";
import { useState } from "react";
import { Code, Copy } from "../../components/copy";
import { Dialog } from "../../components/dialog";
import { Chips } from "../../components/filters";
import { useRead } from "../../services/query";
import type { ClientToken, List, ModelRow, Route, Table } from "../../services/types";
import { useText, useWords } from "../../text";
import { callWith } from "../playground/token";
import { snippets } from "./snippets";
import { words as both } from "./text";

/** A model that this pool serves, for the snippets: one that was used, else an alias, else a usual one. */
function useAModel(): string {
  const used = useRead<Table<ModelRow>>("/api/statistics/models");
  const routes = useRead<List<Route>>("/api/routes");
  return used.data?.items[0]?.model ?? routes.data?.items[0]?.model ?? "gpt-5-mini";
}

export function Snippets({ token }: { token: string }) {
  const { shown } = useWords(both);
  const made = snippets(window.location.origin, token, useAModel());
  const [chosen, setChosen] = useState("curl");
  const snippet = made.find(({ id }) => id === chosen);
  return (
    <div className="stack">
      <Chips label={shown.use} value={chosen} onChange={setChosen} options={made.map(({ id, title }) => ({ value: id, label: title }))} />
      {snippet && <Code value={snippet.code} label={snippet.title} />}
    </div>
  );
}

export function Secret({ token, onClose }: { token: ClientToken; onClose: () => void }) {
  const { shown, tryIt } = useWords(both);
  const navigate = useNavigate();
  const value = token.token ?? "";
  const begin = () => {
    callWith(value);
    void navigate({ to: "/playground" });
  };
  const footer = (
    <>
      <Button onClick={begin}>{tryIt}</Button>
      <Button type="primary" onClick={onClose}>
        {shown.done}
      </Button>
    </>
  );
  return (
    <Dialog title={shown.title(token.name)} onClose={onClose} footer={footer}>
      <Alert type="warning" showIcon title={shown.once} />
      <div className="secret">
        <code className="code" aria-label={shown.secret} data-testid="secret">
          {value}
        </code>
        <Copy value={value} wide type="primary" />
      </div>
      <h3>{shown.use}</h3>
      <Snippets token={value} />
    </Dialog>
  );
}

/** The same snippets later on, when the secret is known to its owner alone. */
export function Connect({ onClose }: { onClose: () => void }) {
  const { text } = useText();
  const { connect, shown } = useWords(both);
  return (
    <Dialog title={connect} onClose={onClose} footer={<Button onClick={onClose}>{text.common.close}</Button>}>
      <Snippets token={shown.placeholder} />
    </Dialog>
  );
}
