// Whether the page is as narrow as a phone.

import { useSyncExternalStore } from "react";

const narrow = window.matchMedia("(max-width: 760px)");

function subscribe(changed: () => void) {
  narrow.addEventListener("change", changed);
  return () => narrow.removeEventListener("change", changed);
}

export const useNarrow = () => useSyncExternalStore(subscribe, () => narrow.matches);
