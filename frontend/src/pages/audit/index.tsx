import { Page } from "../../components/page";
import { useText } from "../../text";
export function Audit() { const { text } = useText(); return <Page title={text.pages.audit}>…</Page>; }
