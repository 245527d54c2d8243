// What the pool tells people about, and whom.

import { Page, Panel } from "../../components/page";
import { Absent, isAbsent, Trouble } from "../../components/trouble";
import { useRead } from "../../services/query";
import type { List } from "../../services/types";
import { useText } from "../../text";

export function Alerts() {
  const { text } = useText();
  const { error } = useRead<List<unknown>>("/api/alerts/events");
  return (
    <Page title={text.pages.alerts}>
      <Panel>{error && (isAbsent(error) ? <Absent /> : <Trouble error={error} />)}</Panel>
    </Page>
  );
}
