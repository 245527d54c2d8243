// What a call said, where it is kept and for who may read it: asked for only when somebody opens it, since that is noted.

import { Button } from "antd";
import { useState } from "react";
import { useAccess } from "../../access/session";
import { Code } from "../../components/copy";
import { Waiting } from "../../components/page";
import { isAbsent, Trouble } from "../../components/trouble";
import { useRead } from "../../services/query";
import { useText, useWords } from "../../text";
import { readable } from "./readable";
import { words as both } from "./text";

/** The beginning of a body, without secrets. */
interface Body {
  /** Nothing: it was no text. */
  text: string | null;
  bytes: number;
}

/** The answer of `GET /api/requests/{id}/bodies`. */
interface Kept {
  request: Body;
  answer: Body;
}

function One({ title, body: { text, bytes } }: { title: string; body: Body }) {
  const { format } = useText();
  const { bodies: words } = useWords(both);
  return (
    <>
      <h4>
        {title} <span className="soft small">{words.bytes(format.whole(bytes))}</span>
      </h4>
      {text === null ? <p className="soft">{words.noText}</p> : <Code value={readable(text)} label={title} />}
    </>
  );
}

function Shown({ id }: { id: string }) {
  const { bodies: words } = useWords(both);
  const { data, error } = useRead<Kept>(`/api/requests/${encodeURIComponent(id)}/bodies`);
  if (isAbsent(error)) return <p className="soft">{words.none}</p>;
  if (error) return <Trouble error={error} />;
  if (!data) return <Waiting />;
  return (
    <>
      <One title={words.request} body={data.request} />
      <One title={words.answer} body={data.answer} />
    </>
  );
}

export function Bodies({ id }: { id: string }) {
  const { bodies: words } = useWords(both);
  const { mayManage } = useAccess();
  const [isOpen, setOpen] = useState(false);
  if (!mayManage) return null;
  return (
    <>
      <h3>{words.title}</h3>
      {isOpen ? <Shown id={id} /> : <div className="bar"><Button onClick={() => setOpen(true)}>{words.show}</Button> <span className="soft small">{words.noted}</span></div>}
    </>
  );
}
