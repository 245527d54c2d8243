// Numbers, money and times as a reader of one language expects them. Pure: the caller passes `now`.

const SECOND = 1_000;

/** The largest unit that fits first; what is shorter than a second counts as none. */
const UNITS = [
  ["day", 86_400 * SECOND],
  ["hour", 3_600 * SECOND],
  ["minute", 60 * SECOND],
  ["second", SECOND],
] as const;

/** Below this a cost is shown with four decimals; half a cent a call is a usual price. */
const SMALL_USD = 1;

export function formatsOf(tag: string) {
  const whole = new Intl.NumberFormat(tag);
  const short = new Intl.NumberFormat(tag, { notation: "compact", maximumFractionDigits: 1 });
  const share = new Intl.NumberFormat(tag, { style: "percent", maximumFractionDigits: 1 });
  const distance = new Intl.RelativeTimeFormat(tag, { numeric: "auto", style: "long" });
  const usd = (digits: number) =>
    new Intl.NumberFormat(tag, {
      style: "currency",
      currency: "USD",
      currencyDisplay: "narrowSymbol",
      minimumFractionDigits: 2,
      maximumFractionDigits: digits,
    });
  const time = new Intl.DateTimeFormat(tag, { timeStyle: "medium" });
  const large = usd(2);
  const small = usd(4);

  /** The distance from `now` to `then`, both in milliseconds, in its largest unit, rounded towards `now`. */
  function away(then: number, now: number): string {
    const span = then - now;
    const [unit, length] = UNITS.find(([, length]) => Math.abs(span) >= length) ?? ["second", SECOND];
    return distance.format(Math.trunc(span / length), unit);
  }

  return {
    /** `1234567` as `1,234,567`. */
    whole: (count: number) => whole.format(count),
    /** `1234567` as `1.2M`. */
    short: (count: number) => short.format(count),
    /** `part` of `all` in percent; nothing of nothing is 0 %. */
    share: (part: number, all: number) => share.format(all === 0 ? 0 : part / all),
    /** A decimal string in USD, rounded; a cost too small for that is told as less than what can be shown. */
    usd(cost: string): string {
      const value = Number(cost);
      if (value > 0 && value < 0.0001) return `<${small.format(0.0001)}`;
      return (Math.abs(value) < SMALL_USD ? small : large).format(value);
    },
    /** The time of day in the reader's zone. */
    time: (then: number) => time.format(then),
    /** How long ago `then` was, as in `3 minutes ago`. A clock that runs ahead says `now`. */
    ago: (then: number, now: number) => away(Math.min(then, now), now),
    /** When `then` will be, as in `in 3 minutes`; nothing when it has passed. */
    ahead: (then: number, now: number) => (then - now < SECOND ? undefined : away(then, now)),
  };
}

export type Formats = ReturnType<typeof formatsOf>;
