// Ant Design's theme, made from tokens.css, so that a colour is written down once.

import { type ThemeConfig, theme } from "antd";
import { useMemo, useSyncExternalStore } from "react";

const dark = window.matchMedia("(prefers-color-scheme: dark)");

function subscribe(changed: () => void) {
  dark.addEventListener("change", changed);
  return () => dark.removeEventListener("change", changed);
}

function themeOf(isDark: boolean): ThemeConfig {
  const style = getComputedStyle(document.documentElement);
  const token = (name: string) => style.getPropertyValue(`--${name}`).trim();
  return {
    algorithm: isDark ? theme.darkAlgorithm : theme.defaultAlgorithm,
    token: {
      colorPrimary: token("primary"),
      colorLink: token("primary"),
      colorSuccess: token("good"),
      colorWarning: token("warn"),
      colorError: token("bad"),
      colorTextBase: token("ink"),
      colorBgBase: token("surface"),
      borderRadius: 8,
      fontFamily: token("font"),
      fontSize: 15,
    },
  };
}

/** The theme for what the system asks for, light or dark; follows when that changes. */
export function useTheme(): ThemeConfig {
  const isDark = useSyncExternalStore(subscribe, () => dark.matches);
  return useMemo(() => themeOf(isDark), [isDark]);
}
