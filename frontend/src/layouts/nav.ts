// The pages as the menu and the keyboard know them.

import type { Text } from "../text";

export type PageId = Exclude<keyof Text["pages"], "users">;

export interface Place {
  id: PageId;
  path: string;
  /** After `g`. */
  letter: string;
}

export interface Group {
  id: keyof Text["shell"]["groups"];
  places: Place[];
}

export const groups: Group[] = [
  {
    id: "pool",
    places: [
      { id: "overview", path: "/", letter: "o" },
      { id: "keys", path: "/keys", letter: "k" },
      { id: "tokens", path: "/tokens", letter: "t" },
      { id: "models", path: "/models", letter: "m" },
      { id: "rules", path: "/rules", letter: "u" },
    ],
  },
  {
    id: "traffic",
    places: [
      { id: "requests", path: "/requests", letter: "r" },
      { id: "statistics", path: "/statistics", letter: "s" },
      { id: "playground", path: "/playground", letter: "p" },
    ],
  },
  {
    id: "system",
    places: [
      { id: "alerts", path: "/alerts", letter: "a" },
      { id: "settings", path: "/settings", letter: "e" },
      { id: "audit", path: "/audit", letter: "l" },
    ],
  },
];

export const places = groups.flatMap(({ places }) => places);
