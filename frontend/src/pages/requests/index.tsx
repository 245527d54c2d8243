import { Page } from "../../components/page";
import { useText } from "../../text";
export function Requests() { const { text } = useText(); return <Page title={text.pages.requests}>…</Page>; }
