import { Page } from "../../components/page";
import { useText } from "../../text";
export function Models() { const { text } = useText(); return <Page title={text.pages.models}>…</Page>; }
