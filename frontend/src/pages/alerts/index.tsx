import { Page } from "../../components/page";
import { useText } from "../../text";
export function Alerts() { const { text } = useText(); return <Page title={text.pages.alerts}>…</Page>; }
