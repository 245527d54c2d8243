// The way to sign in at somebody else's, where the server has one, and what became of the last try.

import { Alert, Button } from "antd";
import { useEffect, useState } from "react";
import { send } from "../../services/http";
import type { SetupState } from "../../services/types";
import { useWords } from "../../text";
import { words as both } from "./text";
import { outcomeOf, pageOf, visitFrom } from "./visit";

/** What the other way is called. */
function useName() {
  const [name, setName] = useState<string | null>(null);
  useEffect(() => {
    // A server that does not say has none.
    send<SetupState>("/api/auth/state").then(({ oidc }) => setName(oidc), () => {});
  }, []);
  return name;
}

/** Told once: a reload is a new beginning. */
function useOutcome() {
  const [outcome] = useState(() => outcomeOf(window.location.search));
  useEffect(() => {
    if (outcome) window.history.replaceState(null, "", pageOf(window.location));
  }, [outcome]);
  return outcome;
}

export function Elsewhere() {
  const words = useWords(both);
  const [name, outcome] = [useName(), useOutcome()];
  return (
    <>
      {outcome && <Alert type="error" showIcon title={words.outcomes[outcome]} role="alert" />}
      {name && (
        <Button size="large" href={visitFrom(pageOf(window.location))}>
          {words.signInWith(name)}
        </Button>
      )}
    </>
  );
}
