import { Page } from "../../components/page";
import { useText } from "../../text";
export function Settings() { const { text } = useText(); return <Page title={text.pages.settings}>…</Page>; }
