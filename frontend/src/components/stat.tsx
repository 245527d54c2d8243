// A number that matters, with what it was before.

import type { ReactNode } from "react";
import { useText } from "../text";
import "./stat.css";

export interface Change {
  /** New over old, less one; nothing when there was nothing to compare with. */
  ratio: number | undefined;
  /** Whether more is bad news. */
  moreIsBad?: boolean;
  /** Compared with what. */
  than: string;
}

function mood({ ratio = 0, moreIsBad }: Change) {
  if (moreIsBad === undefined || Math.abs(ratio) < 0.05) return "";
  return ratio > 0 === moreIsBad ? " change-bad" : " change-good";
}

function Changed(change: Change) {
  const { format } = useText();
  const { ratio, than } = change;
  if (ratio === undefined || !Number.isFinite(ratio)) return <span className="soft">—</span>;
  return (
    <span>
      <strong className={`change${mood(change)}`}>{format.change(ratio)}</strong> <span className="soft">{than}</span>
    </span>
  );
}

interface Props {
  label: string;
  value: ReactNode;
  /** The number to the last digit, where `value` rounds it. */
  exact?: string;
  note?: ReactNode;
  changes?: Change[];
  children?: ReactNode;
}

export function Stat({ label, value, exact, note, changes = [], children }: Props) {
  return (
    <div className="stat panel">
      <dt className="soft">{label}</dt>
      <dd className="stat-value" title={exact}>
        {value}
      </dd>
      {note && <dd className="soft stat-note">{note}</dd>}
      {changes.length > 0 && (
        <dd className="stat-changes">
          {changes.map((change) => (
            <Changed key={change.than} {...change} />
          ))}
        </dd>
      )}
      {children && <dd className="stat-picture">{children}</dd>}
    </div>
  );
}

export const Stats = ({ children }: { children: ReactNode }) => <dl className="stats">{children}</dl>;
