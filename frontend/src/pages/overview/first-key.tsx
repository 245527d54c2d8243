// What to do with an empty pool.

import { Button } from "antd";
import { useState } from "react";
import { useText } from "../../text";
import { curlFor } from "./curl";

function Copy({ command }: { command: string }) {
  const { text } = useText();
  const [copied, setCopied] = useState(false);
  // Browsers offer the clipboard only to https and to this machine; elsewhere the command is there to be selected.
  if (!navigator.clipboard) return null;
  const copy = () => navigator.clipboard.writeText(command).then(() => setCopied(true), () => setCopied(false));
  return (
    <Button onClick={copy}>
      <span aria-live="polite">{copied ? text.keys.copied : text.keys.copy}</span>
    </Button>
  );
}

export function FirstKey() {
  const { text } = useText();
  const command = curlFor(window.location.origin);
  return (
    <section className="first-key panel" aria-labelledby="first-key">
      <h2 id="first-key">{text.keys.emptyTitle}</h2>
      <p className="soft">{text.keys.emptyText}</p>
      {/* Wide commands scroll, and a keyboard must be able to do that. */}
      <pre className="code" tabIndex={0} role="region" aria-label={text.keys.command}>
        {command}
      </pre>
      <Copy command={command} />
    </section>
  );
}
