// Every word of the UI in English. Its shape is the shape of all languages.

const keys = (count: string, one: boolean) => `${count} ${one ? "key" : "keys"}`;

export const en = {
  tag: "en",
  name: "English",

  shell: {
    version: (version: string) => `Version ${version}`,
    healthy: "Healthy",
    notReady: "Not ready: starting, draining, or without storage",
    away: "The server does not answer",
    asking: "Asking the server…",
    signOut: "Sign out",
    language: "Language",
  },

  signIn: {
    title: "Sign in",
    why: "AMP Pool shows its keys and books to admins. The token stays in this tab until you close it.",
    token: "Admin token",
    hint: "The value of AMP_POOL_ADMIN_TOKEN of the server.",
    action: "Sign in",
    missing: "Enter the admin token.",
    malformed: "This can not be a token: it has spaces or unusual characters.",
    rejected: "The server does not know this token.",
  },

  trouble: {
    away: "The server does not answer.",
    unauthorized: "The server does not know this token.",
    refused: (path: string, status: number) => `The server answered ${status} to ${path}.`,
    unreadable: (path: string) => `The answer to ${path} can not be read. Is there a proxy in between?`,
    stale: (time: string) => `The numbers below are those of ${time}. Trying again every few seconds.`,
    retrying: "Trying again every few seconds.",
  },

  overview: {
    title: "Overview",
    fit: (ready: string, total: string, one: boolean) => `${ready} of ${keys(total, one)} ready`,
    noKeys: "No keys yet",
    parts: {
      cooling: (count: string) => `${count} cooling`,
      out_of_credit: (count: string) => `${count} out of credit`,
      disabled: (count: string) => `${count} disabled`,
    },
    updated: (age: string) => `Updated ${age}`,
    today: "Today",
    todayNote: "since midnight UTC",
    requests: "Requests",
    errors: "Errors",
    errorShare: (share: string) => `${share} of requests`,
    tokens: "Tokens",
    tokensSplit: (input: string, output: string) => `${input} in, ${output} out`,
    cost: "Cost",
    allPriced: "USD",
    unpriced: (count: string, one: boolean) => `USD, without ${count} ${one ? "request" : "requests"} of unknown price`,
  },

  keys: {
    title: "Keys",
    note: "with what each did today",
    name: "Key",
    state: "State",
    requests: "Requests",
    tokens: "Tokens",
    cost: "Cost",
    shown: (shown: string, total: string) => `${shown} of ${total} are listed.`,
    states: {
      ready: "Ready",
      cooling: "Cooling",
      out_of_credit: "Out of credit",
      disabled: "Disabled",
      probing: "Probing",
    },
    retry: (wait: string) => `tried again ${wait}`,
    anyMoment: "any moment now",
    emptyTitle: "Add the first key",
    emptyText: "The pool can answer as soon as it has one. Put your upstream key into this command and run it:",
    command: "Command that adds a key",
    copy: "Copy the command",
    copied: "Copied",
  },
};

export type Text = typeof en;
