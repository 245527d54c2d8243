// Who is there decides what is shown: the door, or the house.

import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { ConfigProvider } from "antd";
import { lazy, Suspense, useCallback, useEffect, useMemo, useState } from "react";
import { AccessContext, firstSession, leave, type Session } from "./access/session";
import { Empty } from "./components/empty";
import { Frame } from "./pages/entry/frame";
import { SignIn } from "./pages/entry/sign-in";
import { words } from "./pages/entry/text";
import { makeRouter } from "./routes";
import { makeClient } from "./services/query";
import { useTheme } from "./style/theme";
import { useWords } from "./text";

const Setup = lazy(async () => ({ default: (await import("./pages/entry/setup")).Setup }));

/** How soon a server that was away is asked again, in milliseconds. */
const AGAIN_MS = 3_000;

function Away({ again }: { again: () => void }) {
  const { awayTitle, awayText } = useWords(words);
  useEffect(() => {
    const timer = setInterval(again, AGAIN_MS);
    return () => clearInterval(timer);
  }, [again]);
  return (
    <Frame>
      <div className="entry-form" role="status">
        <Empty title={awayTitle}>{awayText}</Empty>
      </div>
    </Frame>
  );
}

function House({ session, signOut }: { session: Extract<Session, { state: "in" }>; signOut: () => void }) {
  const [router] = useState(makeRouter);
  const [client] = useState(makeClient);
  const access = useMemo(() => ({ user: session.user, byToken: session.byToken, signOut }), [session, signOut]);
  return (
    <AccessContext value={access}>
      <QueryClientProvider client={client}>
        <RouterProvider router={router} />
      </QueryClientProvider>
    </AccessContext>
  );
}

interface OutProps {
  session: Extract<Session, { state: "out" }>;
  onEnter: (session: Session) => void;
  onLost: () => void;
}

/** Before there is an admin, a person may make one or hold the admin token. */
function Out({ session, ...doors }: OutProps) {
  const [byToken, setByToken] = useState(false);
  const { setup, passwords, lost = false } = session;
  if (setup && !byToken) return <Setup {...doors} onToken={() => setByToken(true)} />;
  return <SignIn {...doors} passwords={passwords && !setup} lost={lost} />;
}

/** Whose turn it is, and the ways to change that. */
function useSession() {
  const [session, setSession] = useState<Session>({ state: "asking" });
  const onLost = useCallback(
    () => setSession((now) => (now.state === "in" ? { state: "out", setup: false, passwords: !now.byToken, lost: true } : now)),
    [],
  );
  const begin = useCallback(() => void firstSession(onLost).then(setSession), [onLost]);
  useEffect(begin, [begin]);
  const signOut = useCallback(() => void leave(session).then(begin), [session, begin]);
  return { session, setSession, onLost, begin, signOut };
}

function Turn() {
  const { session, setSession, onLost, begin, signOut } = useSession();
  const doors = { onEnter: setSession, onLost };
  switch (session.state) {
    case "asking":
      return null;
    case "away":
      return <Away again={begin} />;
    case "in":
      return <House session={session} signOut={signOut} />;
    case "out":
      return <Out session={session} {...doors} />;
  }
}

export function App() {
  return (
    <ConfigProvider theme={useTheme()} wave={{ disabled: true }} button={{ autoInsertSpace: false }}>
      <Suspense>
        <Turn />
      </Suspense>
    </ConfigProvider>
  );
}
