// What a reader chooses about the page itself: language and appearance.

import BulbOutlined from "@ant-design/icons/BulbOutlined";
import DesktopOutlined from "@ant-design/icons/DesktopOutlined";
import MoonOutlined from "@ant-design/icons/MoonOutlined";
import { Button } from "antd";
import { chooseLook, type Look, looks, useLook } from "../style/theme";
import { choices, useText } from "../text";

const pictures = { auto: <DesktopOutlined />, light: <BulbOutlined />, dark: <MoonOutlined /> };

/** Goes from one to the next. */
const after = (look: Look): Look => looks[(looks.indexOf(look) + 1) % looks.length] ?? "auto";

function Appearance() {
  const { shell } = useText().text;
  const look = useLook();
  const label = `${shell.look}: ${shell.looks[look]}`;
  return <Button type="text" icon={pictures[look]} aria-label={label} title={label} onClick={() => chooseLook(after(look))} />;
}

export function Choices() {
  const { text, language, choose } = useText();
  return (
    <nav className="choices" aria-label={text.shell.language}>
      {choices
        .filter(({ id }) => id !== language)
        .map(({ id, name }) => (
          <Button key={id} type="text" lang={id} onClick={() => choose(id)}>
            {name}
          </Button>
        ))}
      <Appearance />
    </nav>
  );
}
