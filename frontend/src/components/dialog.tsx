// Dialogs and drawers on the browser's own `<dialog>`: it holds the focus, closes on Escape, and covers the rest.

import CloseOutlined from "@ant-design/icons/CloseOutlined";
import { Button, ConfigProvider } from "antd";
import { type MouseEvent, type ReactNode, useId, useLayoutEffect, useRef } from "react";
import { useText } from "../text";
import "./dialog.css";
import { Toasts } from "./toast";

interface Props {
  title: ReactNode;
  onClose: () => void;
  children: ReactNode;
  /** Beside the title, at its end. */
  note?: ReactNode;
  /** Below what scrolls. */
  footer?: ReactNode;
  size?: "small" | "medium" | "large";
  kind?: "dialog" | "drawer";
}

export function Dialog({ title, onClose, children, note, footer, size = "medium", kind = "dialog" }: Props) {
  const { text } = useText();
  const id = useId();
  const ref = useRef<HTMLDialogElement>(null);

  // In the layout, so that it is closed while it is still there: only then does the focus go back to where it was.
  useLayoutEffect(() => {
    const dialog = ref.current;
    if (dialog && !dialog.open) dialog.showModal();
    // The browser would choose the button that closes.
    const first = dialog?.querySelector<HTMLElement>("form input, form textarea, .dialog-dialog input, .dialog-dialog textarea");
    (first ?? dialog?.querySelector<HTMLElement>(".dialog-box"))?.focus();
    return () => dialog?.close();
  }, []);

  // Only the backdrop itself belongs to the dialog element; all else in it is in the box inside.
  const onBackdrop = (event: MouseEvent) => event.target === ref.current && onClose();

  return (
    <dialog
      ref={ref}
      className={`dialog dialog-${kind} dialog-${size}`}
      aria-labelledby={id}
      onCancel={(event) => {
        event.preventDefault();
        onClose();
      }}
      onMouseDown={onBackdrop}
    >
      {/* What pops up has to be inside, or the dialog would lie above it. */}
      <ConfigProvider getPopupContainer={() => ref.current ?? document.body}>
        <div className="dialog-box" tabIndex={-1}>
          <div className="dialog-head">
            <h2 id={id}>{title}</h2>
            {note}
            <Button className="dialog-close" type="text" icon={<CloseOutlined />} aria-label={text.common.close} onClick={onClose} />
          </div>
          <div className="dialog-body">{children}</div>
          {footer && <div className="dialog-foot">{footer}</div>}
        </div>
        <Toasts />
      </ConfigProvider>
    </dialog>
  );
}

export const Drawer = (props: Omit<Props, "kind">) => <Dialog {...props} kind="drawer" />;
