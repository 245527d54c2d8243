// What stands around every page: the menu, who is signed in, how the server is.

import CloseOutlined from "@ant-design/icons/CloseOutlined";
import LogoutOutlined from "@ant-design/icons/LogoutOutlined";
import MenuOutlined from "@ant-design/icons/MenuOutlined";
import { Link, Outlet } from "@tanstack/react-router";
import { Button } from "antd";
import { useState } from "react";
import { useAccess } from "../access/session";
import { isAbsent } from "../components/trouble";
import { useRead } from "../services/query";
import { Toasts } from "../components/toast";
import icon from "../style/icon.svg";
import { useText } from "../text";
import { Choices } from "./choices";
import { icons } from "./icons";
import { Keyboard } from "./keyboard";
import { type Group, groups, type PageId } from "./nav";
import { ServerState } from "./server";
import "./shell.css";

/** Pages of which this server knows nothing: there is no use in leading anybody there. */
function useMissing(): ReadonlySet<PageId> {
  const alerts = useRead("/api/alerts/rules");
  return new Set(isAbsent(alerts.error) ? (["alerts"] as const) : []);
}

function MenuGroup({ group, missing }: { group: Group; missing: ReadonlySet<PageId> }) {
  const { shell, pages } = useText().text;
  return (
    <div className="menu-group">
      <h2>{shell.groups[group.id]}</h2>
      <ul role="list">
        {group.places.filter(({ id }) => !missing.has(id)).map(({ id, path }) => {
          const Icon = icons[id];
          return (
            <li key={id}>
              <Link to={path} activeOptions={{ exact: path === "/" }} activeProps={{ "aria-current": "page" }}>
                <Icon aria-hidden />
                {pages[id]}
              </Link>
            </li>
          );
        })}
      </ul>
    </div>
  );
}

function Person() {
  const { shell } = useText().text;
  const { user, signOut } = useAccess();
  return (
    <div className="person">
      <span className="person-name">
        {user.username} <span className="tag">{user.role}</span>
      </span>
      <Button type="text" icon={<LogoutOutlined />} aria-label={shell.signOut} title={shell.signOut} onClick={signOut} />
    </div>
  );
}

function Rail({ open, onGo }: { open: boolean; onGo: () => void }) {
  const { shell } = useText().text;
  const missing = useMissing();
  return (
    <div className={open ? "rail rail-open" : "rail"} id="menu">
      <nav className="menu" aria-label={shell.main} onClick={onGo}>
        {groups.map((group) => (
          <MenuGroup key={group.id} group={group} missing={missing} />
        ))}
      </nav>
      <div className="rail-foot">
        <ServerState />
        <Choices />
        <Person />
      </div>
    </div>
  );
}

export function Shell() {
  const { shell } = useText().text;
  const [open, setOpen] = useState(false);
  return (
    <div className="shell">
      <a className="skip" href="#content">
        {shell.skip}
      </a>
      <header className="shell-top">
        <Link to="/" className="shell-name">
          <img src={icon} alt="" width={26} height={26} />
          AMP Pool
        </Link>
        <Button
          className="shell-burger"
          type="text"
          icon={open ? <CloseOutlined /> : <MenuOutlined />}
          aria-label={open ? shell.closeMenu : shell.menu}
          aria-expanded={open}
          aria-controls="menu"
          onClick={() => setOpen(!open)}
        />
      </header>
      <Rail open={open} onGo={() => setOpen(false)} />
      <main className="shell-main" id="content" tabIndex={-1}>
        <Outlet />
      </main>
      <Keyboard />
      <Toasts />
    </div>
  );
}
