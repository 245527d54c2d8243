// What a key has left, who says so, and how old that is. What nobody knows is never shown as nothing.

import type { Key } from "../services/types";
import { useText } from "../text";
import { Ago } from "./when";

type Figure = Pick<Key, "balance" | "balance_currency" | "balance_source" | "balance_last_update">;

export function BalanceFigure({ entry, sources }: { entry: Figure; sources: Record<string, string> }) {
  const { text, format } = useText();
  const { balance, balance_currency, balance_source, balance_last_update } = entry;
  if (balance === null) return <span className="soft">{text.common.unknown}</span>;
  return (
    <span title={sources[balance_source] ?? balance_source}>
      <span className="number">{format.money(balance, balance_currency ?? "USD")}</span>
      {balance_last_update && (
        <span className="soft small">
          {" "}
          <Ago at={balance_last_update} />
        </span>
      )}
    </span>
  );
}
