// The chart of a period, and the same as a table.

import { useMemo } from "react";
import { Chart, type Line } from "../../components/chart";
import type { TimelineRow } from "../../services/types";
import { useText, useWords } from "../../text";
import { type Metric, type SeriesId, seriesOf, valuesOf } from "./series";
import { words as both } from "./text";

const TONES = ["series-1", "series-2", "series-3"];

/** How values of a series are written. */
function useFormatOf() {
  const { format } = useText();
  return useMemo(() => {
    const usd = (value: number) => format.usd(String(value));
    const formats: Partial<Record<SeriesId, (value: number) => string>> = { cost: usd, latency: format.span, slowest: format.span, firstByte: format.span };
    return (id: SeriesId) => formats[id] ?? format.short;
  }, [format]);
}

function AsTable({ rows, lines }: { rows: readonly TimelineRow[]; lines: readonly Line[] }) {
  const { format } = useText();
  const words = useWords(both);
  return (
    <details>
      <summary>{words.table}</summary>
      <div className="series-room" tabIndex={0} role="region" aria-label={words.table}>
        <table className="table series-table">
          <thead>
            <tr>
              <th scope="col">{words.time}</th>
              {lines.map(({ label }) => (
                <th key={label} scope="col" className="table-number">{label}</th>
              ))}
            </tr>
          </thead>
          <tbody>
            {rows.map(({ time }, at) => (
              <tr key={time}>
                <td>{format.hour(Date.parse(time))}</td>
                {lines.map(({ label, values, format }) => (
                  <td key={label} className="table-number">{values[at] == null ? "—" : format(values[at] ?? 0)}</td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </details>
  );
}

interface Props {
  rows: readonly TimelineRow[];
  metric: Metric;
  onZoom: (from: number, to: number) => void;
}

export function TimelineChart({ rows, metric, onZoom }: Props) {
  const words = useWords(both);
  const formatOf = useFormatOf();
  const times = useMemo(() => rows.map(({ time }) => Date.parse(time)), [rows]);
  const lines = useMemo(
    () => seriesOf(metric).map((id, at): Line => ({ label: words.series[id], values: valuesOf(rows, id), tone: id === "errors" ? "bad" : (TONES[at] ?? "series-1"), format: formatOf(id) })),
    [rows, metric, words, formatOf],
  );
  return (
    <>
      <Chart label={words.metrics[metric] ?? metric} timeLabel={words.time} times={times} lines={lines} onZoom={onZoom} />
      <p className="soft small">{words.drag}</p>
      <AsTable rows={rows} lines={lines} />
    </>
  );
}
