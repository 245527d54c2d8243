// The head of a page, its panels, and the bar of filters and actions above a list.

import { type ReactNode, useEffect, useId } from "react";
import { useText } from "../text";
import "./page.css";

interface PageProps {
  title: string;
  /** Beside the title: a state, a count. */
  note?: ReactNode;
  actions?: ReactNode;
  children: ReactNode;
}

export function Page({ title, note, actions, children }: PageProps) {
  useEffect(() => {
    document.title = `${title} · AMP Pool`;
  }, [title]);
  return (
    <>
      <div className="page-head">
        <h1>{title}</h1>
        {note && <div className="page-note">{note}</div>}
        {actions && <div className="page-actions">{actions}</div>}
      </div>
      {children}
    </>
  );
}

interface PanelProps {
  title?: ReactNode;
  note?: ReactNode;
  actions?: ReactNode;
  /** Without distance to its edges, for tables. */
  flush?: boolean;
  children: ReactNode;
}

export function Panel({ title, note, actions, flush = false, children }: PanelProps) {
  const id = useId();
  return (
    <section className={flush ? "panel panel-flush" : "panel"} {...(title ? { "aria-labelledby": id } : {})}>
      {title && (
        <div className="panel-head">
          <h2 id={id}>{title}</h2>
          {note && <span className="soft">{note}</span>}
          {actions && <div className="panel-actions">{actions}</div>}
        </div>
      )}
      {children}
    </section>
  );
}

export const Bar = ({ children }: { children: ReactNode }) => <div className="bar">{children}</div>;

/** Grey shapes where an answer will be. */
export function Waiting({ rows = 4 }: { rows?: number }) {
  const { text } = useText();
  return (
    <div className="waiting" role="status" aria-label={text.shell.loading}>
      {Array.from({ length: rows }, (_, row) => (
        <span key={row} />
      ))}
    </div>
  );
}

/** Pairs of a name and a value. */
export function Facts({ children }: { children: ReactNode }) {
  return <dl className="facts">{children}</dl>;
}

export function Fact({ name, children }: { name: ReactNode; children: ReactNode }) {
  return (
    <div>
      <dt className="soft">{name}</dt>
      <dd>{children}</dd>
    </div>
  );
}
