// Every page and its path. All but the first come when they are asked for; their filters stand in the URL.

import { createRootRoute, createRoute, createRouter, lazyRouteComponent, Link, type ErrorComponentProps } from "@tanstack/react-router";
import { Button } from "antd";
import { Empty } from "./components/empty";
import { Page, Waiting } from "./components/page";
import { Trouble } from "./components/trouble";
import { Shell } from "./layouts/shell";
import { Overview } from "./pages/overview";
import { searches } from "./services/search";
import { useText } from "./text";

function NotFound() {
  const { shell } = useText().text;
  return <Empty title={shell.notFound} action={<Link to="/">{shell.toOverview}</Link>} />;
}

function Broken({ error, reset }: ErrorComponentProps) {
  const { shell } = useText().text;
  const reload = <Button onClick={() => (reset(), window.location.reload())}>{shell.reload}</Button>;
  return (
    <Page title={shell.broken} actions={reload}>
      <Trouble error={error} />
    </Page>
  );
}

const root = createRootRoute({ component: Shell, notFoundComponent: NotFound, errorComponent: Broken });
const at = () => root;
const later = lazyRouteComponent;

// A table: the name, the path, what its URL may say, and what is shown.
const overview = createRoute({ getParentRoute: at, path: "/", validateSearch: searches.overview, component: Overview });
const keys = createRoute({ getParentRoute: at, path: "/keys", validateSearch: searches.keys, component: later(() => import("./pages/keys"), "Keys") });
const tokens = createRoute({ getParentRoute: at, path: "/tokens", validateSearch: searches.tokens, component: later(() => import("./pages/tokens"), "Tokens") });
const models = createRoute({ getParentRoute: at, path: "/models", validateSearch: searches.models, component: later(() => import("./pages/models"), "Models") });
const rules = createRoute({ getParentRoute: at, path: "/rules", component: later(() => import("./pages/rules"), "Rules") });
const requests = createRoute({ getParentRoute: at, path: "/requests", validateSearch: searches.requests, component: later(() => import("./pages/requests"), "Requests") });
const statistics = createRoute({ getParentRoute: at, path: "/statistics", validateSearch: searches.statistics, component: later(() => import("./pages/statistics"), "Statistics") });
const playground = createRoute({ getParentRoute: at, path: "/playground", validateSearch: searches.playground, component: later(() => import("./pages/playground"), "Playground") });
const alerts = createRoute({ getParentRoute: at, path: "/alerts", component: later(() => import("./pages/alerts"), "Alerts") });
const settings = createRoute({ getParentRoute: at, path: "/settings", component: later(() => import("./pages/settings"), "Settings") });
const audit = createRoute({ getParentRoute: at, path: "/audit", component: later(() => import("./pages/audit"), "Audit") });

const routeTree = root.addChildren([overview, keys, tokens, models, rules, requests, statistics, playground, alerts, settings, audit]);

export const makeRouter = () =>
  createRouter({ routeTree, defaultPreload: "intent", scrollRestoration: true, defaultPendingComponent: Waiting });

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
