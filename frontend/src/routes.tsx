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

const overview = createRoute({ getParentRoute: at, path: "/", validateSearch: searches.overview, component: Overview });

const keys = createRoute({
  getParentRoute: at,
  path: "/keys",
  validateSearch: searches.keys,
  component: lazyRouteComponent(() => import("./pages/keys"), "Keys"),
});

const tokens = createRoute({
  getParentRoute: at,
  path: "/tokens",
  validateSearch: searches.tokens,
  component: lazyRouteComponent(() => import("./pages/tokens"), "Tokens"),
});

const models = createRoute({
  getParentRoute: at,
  path: "/models",
  validateSearch: searches.models,
  component: lazyRouteComponent(() => import("./pages/models"), "Models"),
});

const requests = createRoute({
  getParentRoute: at,
  path: "/requests",
  validateSearch: searches.requests,
  component: lazyRouteComponent(() => import("./pages/requests"), "Requests"),
});

const statistics = createRoute({
  getParentRoute: at,
  path: "/statistics",
  validateSearch: searches.statistics,
  component: lazyRouteComponent(() => import("./pages/statistics"), "Statistics"),
});

const playground = createRoute({
  getParentRoute: at,
  path: "/playground",
  validateSearch: searches.playground,
  component: lazyRouteComponent(() => import("./pages/playground"), "Playground"),
});

const rules = createRoute({
  getParentRoute: at,
  path: "/rules",
  component: lazyRouteComponent(() => import("./pages/rules"), "Rules"),
});

const alerts = createRoute({
  getParentRoute: at,
  path: "/alerts",
  component: lazyRouteComponent(() => import("./pages/alerts"), "Alerts"),
});

const settings = createRoute({
  getParentRoute: at,
  path: "/settings",
  component: lazyRouteComponent(() => import("./pages/settings"), "Settings"),
});

const audit = createRoute({
  getParentRoute: at,
  path: "/audit",
  component: lazyRouteComponent(() => import("./pages/audit"), "Audit"),
});

const routeTree = root.addChildren([
  overview, keys, tokens, models, rules, requests, statistics, playground, alerts, settings, audit,
]);

export const makeRouter = () =>
  createRouter({ routeTree, defaultPreload: "intent", scrollRestoration: true, defaultPendingComponent: Waiting });

declare module "@tanstack/react-router" {
  interface Register {
    router: ReturnType<typeof makeRouter>;
  }
}
