// Today's numbers beside those of yesterday at the same hour, and of the week.

import { Spark } from "../../components/spark";
import { type Change, Stat, Stats } from "../../components/stat";
import type { Overview, TimelineRow } from "../../services/types";
import { useText, useWords } from "../../text";
import { type Comparison, compare, type Figures, midnight, sinceWeek, sinceYesterday } from "./compare";
import { words as both } from "./text";

interface Props {
  sums: Overview;
  rows: readonly TimelineRow[];
  now: number;
}

const rate = ({ errors, requests }: Figures) => (requests > 0 ? errors / requests : undefined);

/** The changes of one figure, for its tile. */
function useChanges(compared: Comparison) {
  const words = useWords(both);
  return (of: (figures: Figures) => number | undefined, moreIsBad?: boolean): Change[] =>
    [
      { ratio: sinceYesterday(compared, of), than: words.yesterday },
      { ratio: sinceWeek(compared, of), than: words.week },
    ]
      .filter(({ ratio }) => ratio !== undefined)
      .map((change) => ({ ...change, ...(moreIsBad !== undefined && { moreIsBad }) }));
}

export function Today({ sums, rows, now }: Props) {
  const { text, format } = useText();
  const words = useWords(both);
  const changes = useChanges(compare(rows, now));
  const hours = rows.filter(({ time }) => Date.parse(time) >= midnight(now));
  const line = (of: (row: TimelineRow) => number) => hours.map(of);
  const cached = sums.input_tokens > 0 && sums.cache_read_tokens > 0;
  return (
    <Stats>
      <Stat label={text.common.requests} value={format.whole(sums.requests)} changes={changes(({ requests }) => requests)}>
        <Spark values={line(({ requests }) => requests)} label={words.hoursLabel} />
      </Stat>
      <Stat
        label={text.common.cost}
        value={format.usd(sums.cost)}
        exact={`${sums.cost} USD`}
        note={sums.unpriced_requests > 0 && text.common.unpriced(format.whole(sums.unpriced_requests), sums.unpriced_requests === 1)}
        changes={changes(({ cost }) => cost)}
      >
        <Spark values={line(({ cost }) => Number(cost))} label={text.common.cost} />
      </Stat>
      <Stat
        label={text.common.tokens}
        value={format.short(sums.total_tokens)}
        exact={format.whole(sums.total_tokens)}
        note={
          <>
            {words.tokensSplit(format.short(sums.input_tokens), format.short(sums.output_tokens))}
            {cached && ` · ${words.cacheShare(format.share(sums.cache_read_tokens, sums.input_tokens))}`}
            {Number(sums.cache_saved) > 0 && ` · ${words.saved(format.usd(sums.cache_saved ?? "0"))}`}
          </>
        }
        changes={changes(({ tokens }) => tokens)}
      />
      <Stat
        label={words.errorRate}
        value={<span className={sums.errors > 0 ? "alarming" : ""}>{format.share(sums.errors, sums.requests)}</span>}
        note={words.errors(format.whole(sums.errors))}
        changes={changes(rate, true)}
      >
        <Spark values={line(({ errors }) => errors)} label={words.errorRate} tone="bad" />
      </Stat>
      <Latency sums={sums} changes={changes(({ latency }) => latency, true)} />
    </Stats>
  );
}

function Latency({ sums, changes }: { sums: Overview; changes: Change[] }) {
  const { format } = useText();
  const words = useWords(both);
  const { latency_ms: latency, first_byte_ms: first } = sums;
  const shown = (ms: number | null) => (ms === null ? "—" : format.span(ms));
  return (
    <Stat
      label={words.latency}
      value={shown(latency.p50)}
      note={
        <>
          {latency.p95 !== null && words.most(format.span(latency.p95))}
          {first.p50 !== null && ` · ${words.firstByte(shown(first.p50), shown(first.p95))}`}
        </>
      }
      changes={changes}
    />
  );
}
