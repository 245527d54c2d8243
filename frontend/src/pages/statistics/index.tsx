import { Page } from "../../components/page";
import { useText } from "../../text";
export function Statistics() { const { text } = useText(); return <Page title={text.pages.statistics}>…</Page>; }
