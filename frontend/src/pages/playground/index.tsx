import { Page } from "../../components/page";
import { useText } from "../../text";
export function Playground() { const { text } = useText(); return <Page title={text.pages.playground}>…</Page>; }
