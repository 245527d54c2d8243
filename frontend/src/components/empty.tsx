// What a place says while it has nothing to show: what belongs there, and the next step.

import type { ReactNode } from "react";
import "./empty.css";

interface Props {
  title: string;
  children?: ReactNode;
  action?: ReactNode;
}

export function Empty({ title, children, action }: Props) {
  return (
    <div className="empty">
      <svg width="72" height="44" viewBox="0 0 72 44" aria-hidden>
        <rect x="1" y="13" width="70" height="30" rx="8" />
        <circle cx="15" cy="28" r="5" />
        <path d="M28 24h30M28 32h18M12 7h48M20 1h32" />
      </svg>
      <strong>{title}</strong>
      {children && <div className="soft">{children}</div>}
      {action && <div className="empty-action">{action}</div>}
    </div>
  );
}
