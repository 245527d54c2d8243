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
  const moment = new Intl.DateTimeFormat(tag, { dateStyle: "medium", timeStyle: "medium" });
  const day = new Intl.DateTimeFormat(tag, { month: "short", day: "numeric" });
  const hour = new Intl.DateTimeFormat(tag, { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });
  const clock = new Intl.DateTimeFormat(tag, { timeStyle: "short" });
  const zone = new Intl.DateTimeFormat(tag, { timeZoneName: "short" });
  const seconds = new Intl.NumberFormat(tag, { style: "unit", unit: "second", unitDisplay: "narrow", maximumSignificantDigits: 3 });
  const millis = new Intl.NumberFormat(tag, { style: "unit", unit: "millisecond", unitDisplay: "narrow" });
  const change = new Intl.NumberFormat(tag, { style: "percent", maximumFractionDigits: 0, signDisplay: "exceptZero" });
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
    /** An amount in some currency, as short as money is written. */
    money(amount: string, currency: string): string {
      if (currency === "USD") return this.usd(amount);
      return `${new Intl.NumberFormat(tag, { maximumFractionDigits: 2 }).format(Number(amount))} ${currency}`;
    },
    /** The time of day in the reader's zone. */
    time: (then: number) => time.format(then),
    /** The time of day to the minute. */
    clock: (then: number) => clock.format(then),
    /** Date and time in the reader's zone. */
    moment: (then: number) => moment.format(then),
    /** A day of the year. */
    day: (then: number) => day.format(then),
    /** A day and the time, to the minute. */
    hour: (then: number) => hour.format(then),
    /** The name of the reader's zone. */
    zone: (now: number) => zone.formatToParts(now).find(({ type }) => type === "timeZoneName")?.value ?? "",
    /** How long something took: `340ms`, `1.25s`. */
    span: (ms: number) => (ms < 1_000 ? millis.format(Math.round(ms)) : seconds.format(ms / 1_000)),
    /** A change in percent with its sign. */
    change: (ratio: number) => change.format(ratio),
    /** A countdown: `1:05`, `2:03:09`; of more than a day its days. */
    countdown(ms: number): string {
      const whole = Math.max(0, Math.ceil(ms / 1_000));
      if (whole >= 86_400) return distance.format(Math.floor(whole / 86_400), "day");
      const [hours, minutes, left] = [Math.floor(whole / 3_600), Math.floor(whole / 60) % 60, whole % 60];
      const two = (count: number) => String(count).padStart(2, "0");
      return hours > 0 ? `${hours}:${two(minutes)}:${two(left)}` : `${minutes}:${two(left)}`;
    },
    /** How long ago `then` was, as in `3 minutes ago`. A clock that runs ahead says `now`. */
    ago: (then: number, now: number) => away(Math.min(then, now), now),
    /** When `then` will be, as in `in 3 minutes`; nothing when it has passed. */
    ahead: (then: number, now: number) => (then - now < SECOND ? undefined : away(then, now)),
  };
}

export type Formats = ReturnType<typeof formatsOf>;
