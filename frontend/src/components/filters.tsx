// The search and the chips above a list.

import SearchOutlined from "@ant-design/icons/SearchOutlined";
import { Input } from "antd";
import { useText } from "../text";
import "./filters.css";

interface SearchProps {
  value: string | undefined;
  onChange: (value: string) => void;
  placeholder: string;
}

/** Found by `/`. */
export function SearchField({ value, onChange, placeholder }: SearchProps) {
  const { common } = useText().text;
  return (
    <span data-search className="search">
      <Input
        allowClear
        prefix={<SearchOutlined aria-hidden />}
        placeholder={placeholder}
        aria-label={common.search}
        defaultValue={value}
        onChange={({ target }) => onChange(target.value)}
      />
    </span>
  );
}

interface ChipsProps {
  label: string;
  value: string;
  onChange: (value: string) => void;
  options: readonly { value: string; label: string | undefined; count?: number }[];
}

/** One of a few, all of them in sight. */
export function Chips({ label, value, onChange, options }: ChipsProps) {
  return (
    <div className="chips" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.value} type="button" className="chip" aria-pressed={option.value === value} onClick={() => onChange(option.value)}>
          {option.label} {option.count !== undefined && <span className="soft number">{option.count}</span>}
        </button>
      ))}
    </div>
  );
}
