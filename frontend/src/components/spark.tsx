// Small pictures of numbers: a line with its ground, and bars beside names. Words beside them say the same.

import type { ReactNode } from "react";
import { linePath } from "./spark-path";
import "./spark.css";

const WIDTH = 240;

interface SparkProps {
  values: readonly number[];
  /** What it shows, for who does not see it. */
  label: string;
  height?: number;
  tone?: "primary" | "bad" | "good";
}

export function Spark({ values, label, height = 40, tone = "primary" }: SparkProps) {
  const { line, area } = linePath(values, WIDTH, height);
  return (
    <svg
      className={`spark spark-${tone}`}
      viewBox={`0 0 ${WIDTH} ${height}`}
      preserveAspectRatio="none"
      style={{ height }}
      role="img"
      aria-label={label}
    >
      <path className="spark-area" d={area} />
      <path className="spark-line" d={line} />
    </svg>
  );
}

export interface BarItem {
  id: string;
  name: ReactNode;
  value: number;
  shown: string;
  note?: ReactNode;
}

/** Bars of their share of the largest, the largest first. */
export function BarList({ items, most = 8 }: { items: BarItem[]; most?: number }) {
  const sorted = items.toSorted((a, b) => b.value - a.value).slice(0, most);
  const largest = Math.max(...sorted.map(({ value }) => value), Number.MIN_VALUE);
  return (
    <ul className="bar-list" role="list">
      {sorted.map(({ id, name, value, shown, note }) => (
        <li key={id}>
          <span className="bar-name">{name}</span>
          <span className="bar-value">
            {shown}
            {note && <span className="soft"> {note}</span>}
          </span>
          <span className="bar-track" aria-hidden>
            <span style={{ width: `${(100 * value) / largest}%` }} />
          </span>
        </li>
      ))}
    </ul>
  );
}
