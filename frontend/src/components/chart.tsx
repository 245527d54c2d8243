// A chart of lines over time: uPlot, in the page's colours and the reader's language, with a way to look closer.
//
// A canvas says nothing to who does not see it: whoever shows a chart gives its numbers as a table too.

import { useEffect, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { colour, useDark } from "../style/theme";
import { useText } from "../text";
import "./chart.css";

export interface Line {
  label: string;
  values: readonly (number | null)[];
  /** Of tokens.css. */
  tone: string;
  format: (value: number) => string;
}

interface Props {
  label: string;
  /** What the time is called. */
  timeLabel: string;
  /** In milliseconds since 1970, one for each value. */
  times: readonly number[];
  lines: readonly Line[];
  height?: number;
  onZoom?: (from: number, to: number) => void;
}

const DAY_MS = 86_400_000;
/** A drag shorter than this, in pixels, was a click. */
const SHORTEST_DRAG = 8;

function seriesOf(line: Line): uPlot.Series {
  const stroke = colour(line.tone);
  return {
    label: line.label,
    stroke,
    width: 2,
    fill: `${stroke}1c`,
    points: { show: false },
    value: (_plot, value) => (value === null ? "—" : line.format(value)),
  };
}

function axes(format: ReturnType<typeof useText>["format"], first: Line | undefined): uPlot.Axis[] {
  const ink = colour("ink-soft");
  const grid = { stroke: colour("line-soft"), width: 1 };
  const font = `12px ${colour("font")}`;
  const day = (at: number, step: number) => (step * 1_000 >= DAY_MS ? format.day(at) : format.clock(at));
  return [
    {
      stroke: ink, font, grid, ticks: grid, space: 90,
      values: (_plot, splits, _axis, _space, step) => splits.map((at) => (new Date(at * 1_000).getHours() === 0 ? format.day(at * 1_000) : day(at * 1_000, step))),
    },
    { stroke: ink, font, grid, ticks: grid, size: 74, values: (_plot, splits) => splits.map((value) => first?.format(value) ?? "") },
  ];
}

export function Chart({ label, timeLabel, times, lines, height = 260, onZoom }: Props) {
  const { format } = useText();
  const dark = useDark();
  const room = useRef<HTMLDivElement>(null);
  const zoom = useRef(onZoom);

  useEffect(() => {
    zoom.current = onZoom;
  }, [onZoom]);

  useEffect(() => {
    const element = room.current;
    if (!element) return;
    const chosen = (plot: uPlot) => {
      const { left, width } = plot.select;
      if (width >= SHORTEST_DRAG) zoom.current?.(plot.posToVal(left, "x") * 1_000, plot.posToVal(left + width, "x") * 1_000);
      plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
    };
    const options: uPlot.Options = {
      width: element.clientWidth,
      height,
      cursor: { drag: { x: true, y: false, setScale: false }, points: { size: 7 } },
      scales: { y: { range: (_plot, _min, max) => [0, max > 0 ? max * 1.08 : 1] } },
      series: [{ label: timeLabel, value: (_plot, at) => (at === null ? "" : format.hour(at * 1_000)) }, ...lines.map(seriesOf)],
      axes: axes(format, lines[0]),
      hooks: { setSelect: [chosen] },
    };
    const data = [times.map((at) => at / 1_000), ...lines.map(({ values }) => [...values])] as uPlot.AlignedData;
    const plot = new uPlot(options, data, element);
    const observer = new ResizeObserver(() => plot.setSize({ width: element.clientWidth, height }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      plot.destroy();
    };
    // A change of the theme changes colours, which are read anew.
  }, [times, timeLabel, lines, height, format, dark]);

  return <div className="chart" ref={room} role="img" aria-label={label} />;
}
