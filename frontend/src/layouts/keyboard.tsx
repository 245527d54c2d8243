// Everything by keyboard: `/` searches, `g` and a letter goes somewhere, `?` tells which.

import { useNavigate } from "@tanstack/react-router";
import { useEffect, useRef, useState } from "react";
import { Dialog } from "../components/dialog";
import { useText } from "../text";
import { places } from "./nav";

/** How long after `g` a letter counts, in milliseconds. */
const PATIENCE_MS = 1_200;

const isTyping = (target: EventTarget | null) =>
  target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));

function search(): boolean {
  const field = document.querySelector<HTMLElement>("[data-search] input, input[data-search]");
  field?.focus();
  return field !== null;
}

export function Keyboard() {
  const navigate = useNavigate();
  const [helps, setHelps] = useState(false);
  const armed = useRef(0);

  useEffect(() => {
    function onKey(event: KeyboardEvent) {
      if (event.ctrlKey || event.metaKey || event.altKey || isTyping(event.target)) return;
      if (document.querySelector("dialog[open]")) return;
      const place = event.timeStamp < armed.current && places.find(({ letter }) => letter === event.key);
      armed.current = event.key === "g" ? event.timeStamp + PATIENCE_MS : 0;
      if (place) void navigate({ to: place.path });
      else if (event.key === "?") setHelps(true);
      else if (event.key !== "/" || !search()) return;
      event.preventDefault();
    }
    window.addEventListener("keydown", onKey);
    return () => window.removeEventListener("keydown", onKey);
  }, [navigate]);

  return helps ? <Help onClose={() => setHelps(false)} /> : null;
}

function Help({ onClose }: { onClose: () => void }) {
  const { help, pages } = useText().text;
  const rows: [string[], string][] = [
    [["/"], help.search],
    [["?"], help.help],
    [["Esc"], help.close],
    ...places.map(({ letter, id }): [string[], string] => [["g", letter], help.go(pages[id])]),
  ];
  return (
    <Dialog title={help.title} size="small" onClose={onClose}>
      <dl className="shortcuts">
        {rows.map(([keys, meaning]) => (
          <div key={meaning}>
            <dt>
              {keys.map((key) => (
                <kbd key={key}>{key}</kbd>
              ))}
            </dt>
            <dd>{meaning}</dd>
          </div>
        ))}
      </dl>
    </Dialog>
  );
}
