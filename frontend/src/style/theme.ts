// Light, dark, or as the system says; and Ant Design's theme, made from tokens.css, so that a colour is written once.

import { type ThemeConfig, theme } from "antd";
import { useMemo, useSyncExternalStore } from "react";
import { keep, kept } from "../access/storage";

export const looks = ["auto", "light", "dark"] as const;
export type Look = (typeof looks)[number];

const NAME = "amp-pool.look";
const system = window.matchMedia("(prefers-color-scheme: dark)");
const listeners = new Set<() => void>();

const isLook = (value: unknown): value is Look => looks.includes(value as Look);

let chosen: Look = first();

function first(): Look {
  const stored = kept(NAME);
  return isLook(stored) ? stored : "auto";
}

const isDark = () => chosen === "dark" || (chosen === "auto" && system.matches);

function apply() {
  document.documentElement.dataset.theme = isDark() ? "dark" : "light";
  for (const listener of listeners) listener();
}

system.addEventListener("change", apply);
apply();

/** Takes the reader's choice, for this visit and later ones. */
export function chooseLook(look: Look) {
  chosen = look;
  keep(NAME, look);
  apply();
}

function subscribe(changed: () => void) {
  listeners.add(changed);
  return () => listeners.delete(changed);
}

export const useLook = (): Look => useSyncExternalStore(subscribe, () => chosen);

/** Whether the page is dark now; follows the choice and the system. */
export const useDark = (): boolean => useSyncExternalStore(subscribe, isDark);

/** What a token of tokens.css is now. */
export const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

function themeOf(dark: boolean): ThemeConfig {
  return {
    algorithm: dark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: {
      // In the dark white on a light blue could not be read.
      colorPrimary: dark ? "#3d6fe8" : colour("primary"),
      // Usually lighter, which white could not be read on.
      colorPrimaryHover: dark ? "#3563d6" : "#1a45bd",
      colorLink: colour("primary"),
      colorSuccess: colour("good"),
      colorWarning: colour("warn"),
      colorError: colour("bad"),
      colorSuccessBg: colour("good-soft"),
      colorWarningBg: colour("warn-soft"),
      colorErrorBg: colour("bad-soft"),
      colorInfoBg: colour("primary-soft"),
      colorWarningBorder: colour("warn-soft"),
      colorErrorBorder: colour("bad-soft"),
      colorInfoBorder: colour("primary-soft"),
      colorTextBase: colour("ink"),
      colorBgBase: colour("surface"),
      colorBgContainer: colour("surface"),
      colorBgElevated: colour("raised"),
      colorBorder: colour("line"),
      colorTextPlaceholder: colour("ink-soft"),
      borderRadius: 8,
      fontFamily: colour("font"),
      fontSize: 14,
      controlHeight: 34,
    },
    // The lighter blue of a button that is pointed at could not be read either.
    components: { Button: { dangerColor: dark ? "#1a0705" : "#ffffff", defaultHoverColor: colour("primary"), defaultHoverBorderColor: colour("primary"), defaultActiveColor: colour("primary") } },
  };
}

export function useTheme(): ThemeConfig {
  const dark = useDark();
  return useMemo(() => themeOf(dark), [dark]);
}
