// Views of the log that somebody saved in this browser. Pure but for the storage.

import { keep, kept } from "../../access/storage";
import { searches } from "../../services/search";
import type { LogSearch } from "./filter";

export interface View {
  name: string;
  search: LogSearch;
}

const NAME = "amp-pool.log-views";

/** What was stored, as far as it makes sense. */
export function readViews(stored: string | null): View[] {
  try {
    const found: unknown = JSON.parse(stored ?? "[]");
    if (!Array.isArray(found)) return [];
    return found.flatMap((view: Partial<View> | null) => (view && typeof view.name === "string" ? [{ name: view.name, search: searches.requests({ ...view.search }) as LogSearch }] : []));
  } catch {
    return [];
  }
}

/** A view is the filters alone: which call is open is no part of it. */
const asKept = ({ open: _, ...search }: LogSearch) => search;

const words = (search: LogSearch) =>
  JSON.stringify(Object.entries(asKept(search)).filter(([, value]) => value !== undefined).toSorted(([a], [b]) => (a < b ? -1 : 1)));

/** The one that shows the same. */
export const sameView = (views: readonly View[], search: LogSearch): View | undefined => views.find((view) => words(view.search) === words(search));

/** A second one of a name takes the place of the first. */
export const withView = (views: readonly View[], name: string, search: LogSearch): View[] => [...withoutView(views, name), { name, search: asKept(search) }];

export const withoutView = (views: readonly View[], name: string): View[] => views.filter((view) => view.name !== name);

export const storedViews = () => readViews(kept(NAME));

export const storeViews = (views: readonly View[]) => keep(NAME, JSON.stringify(views));
