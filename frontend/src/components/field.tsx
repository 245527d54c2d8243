// A control with its label, a hint, and what is wrong with it.

import { cloneElement, type ReactElement, type ReactNode, useId } from "react";
import "./field.css";

interface Props {
  label: ReactNode;
  hint?: ReactNode;
  problem?: string | undefined;
  /** One control that takes `id` and `aria-describedby`. */
  children: ReactElement<{ id?: string; "aria-describedby"?: string; "aria-invalid"?: boolean }>;
}

export function Field({ label, hint, problem, children }: Props) {
  const id = useId();
  const described = [hint && `${id}-hint`, problem && `${id}-problem`].filter(Boolean).join(" ");
  const control = cloneElement(children, {
    id,
    ...(described && { "aria-describedby": described }),
    ...(problem && { "aria-invalid": true }),
  });
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {control}
      {hint && (
        <p id={`${id}-hint`} className="soft field-hint">
          {hint}
        </p>
      )}
      {problem && (
        <p id={`${id}-problem`} className="problem" role="alert">
          {problem}
        </p>
      )}
    </div>
  );
}

interface SelectProps {
  value: string;
  onChange: (value: string) => void;
  options: readonly { value: string; label: string; disabled?: boolean }[];
  label?: string;
  id?: string;
  "aria-describedby"?: string;
}

/** The browser's own select: it works with every keyboard, reader and phone. */
export function Select({ value, onChange, options, label, ...rest }: SelectProps) {
  return (
    <select
      className="select"
      value={value}
      onChange={(event) => onChange(event.target.value)}
      {...(label && { "aria-label": label })}
      {...rest}
    >
      {options.map(({ value, label, disabled }) => (
        <option key={value} value={value} disabled={disabled ?? false}>
          {label}
        </option>
      ))}
    </select>
  );
}
