// Text to take along.

import CheckOutlined from "@ant-design/icons/CheckOutlined";
import CopyOutlined from "@ant-design/icons/CopyOutlined";
import { Button } from "antd";
import { type ReactNode, useState } from "react";
import { useText } from "../text";
import { complain } from "./toast";

const SHOWN_MS = 2_000;

/** Browsers offer the clipboard only to https and to this machine; elsewhere an old way may still work. */
async function put(text: string) {
  if (navigator.clipboard) return navigator.clipboard.writeText(text);
  const area = document.createElement("textarea");
  area.value = text;
  (document.querySelector("dialog[open]") ?? document.body).append(area);
  area.select();
  const done = document.execCommand("copy");
  area.remove();
  if (!done) throw new Error("refused");
}

interface Props {
  value: string;
  label?: string;
  /** A word beside the icon. */
  wide?: boolean;
  type?: "primary" | "default" | "text";
  icon?: ReactNode;
}

export function Copy({ value, label, icon = <CopyOutlined />, wide = false, type = wide ? "default" : "text" }: Props) {
  const { common } = useText().text;
  const [copied, setCopied] = useState(false);

  async function copy() {
    try {
      await put(value);
      setCopied(true);
      setTimeout(() => setCopied(false), SHOWN_MS);
    } catch {
      complain(common.copyFailed);
    }
  }

  const word = copied ? common.copied : (label ?? common.copy);
  return (
    <Button
      type={type}
      size={wide ? "middle" : "small"}
      icon={copied ? <CheckOutlined /> : icon}
      onClick={copy}
      {...(!wide && { "aria-label": word, title: word })}
    >
      {wide ? <span aria-live="polite">{word}</span> : null}
    </Button>
  );
}

/** A block of code that scrolls by itself and can be taken along. */
export function Code({ value, label }: { value: string; label: string }) {
  return (
    <div className="code-block">
      {/* Wide code scrolls, and a keyboard must be able to do that. */}
      <pre className="code" tabIndex={0} role="region" aria-label={label}>
        {value}
      </pre>
      <Copy value={value} />
    </div>
  );
}
