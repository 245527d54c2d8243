// What surrounds the forms at the door: the name, the languages, a sheet of paper.

import type { ReactNode } from "react";
import { Choices } from "../../layouts/choices";
import icon from "../../style/icon.svg";
import "./entry.css";

export function Frame({ children }: { children: ReactNode }) {
  return (
    <div className="entry">
      <header className="entry-head">
        <span className="shell-name">
          <img src={icon} alt="" width={26} height={26} />
          AMP Pool
        </span>
        <Choices />
      </header>
      <main className="entry-main">{children}</main>
    </div>
  );
}
