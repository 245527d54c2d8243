// The shell around every page: who is signed in, the header, the theme.

import { ConfigProvider } from "antd";
import { useState } from "react";
import { forgetToken, keepToken, storedToken } from "./access/token";
import { Header } from "./components/header";
import { SignIn } from "./components/sign-in";
import { Overview } from "./pages/overview";
import { useTheme } from "./style/theme";

/** Nobody yet, nobody because the server refused the token it had accepted before, or somebody. */
type Session = { token?: string; rejected?: boolean };

function firstSession(): Session {
  const token = storedToken();
  return token ? { token } : {};
}

export function App() {
  const [session, setSession] = useState(firstSession);

  function enter(token: string) {
    keepToken(token);
    setSession({ token });
  }

  function leave(rejected: boolean) {
    forgetToken();
    setSession({ rejected });
  }

  const { token, rejected = false } = session;
  return (
    <ConfigProvider theme={useTheme()} wave={{ disabled: true }} button={{ autoInsertSpace: false }}>
      <Header onSignOut={token ? () => leave(false) : undefined} />
      <main className="shell-main">
        {token ? (
          <Overview token={token} onRejected={() => leave(true)} />
        ) : (
          <SignIn rejected={rejected} onToken={enter} />
        )}
      </main>
    </ConfigProvider>
  );
}
