// Which language the reader gets, and the words and formats of it for every component.

import { createContext, type ReactNode, useContext, useEffect, useMemo, useState } from "react";
import { keep as store, kept } from "../access/storage";
import { en, type Text } from "./en";
import { type Formats, formatsOf } from "./format";
import { zh } from "./zh";

export type { Text } from "./en";

const languages = { en, zh };
export type Language = keyof typeof languages;

/** The languages with the names they call themselves. */
export const choices = (Object.keys(languages) as Language[]).map((id) => ({ id, name: languages[id].name }));

const NAME = "amp-pool.language";

const isLanguage = (value: unknown): value is Language => typeof value === "string" && Object.hasOwn(languages, value);

/** The reader's choice of an earlier visit, else the first language of the browser that we speak. */
export function preferred(stored: string | null, browser: readonly string[]): Language {
  if (isLanguage(stored)) return stored;
  return browser.map((tag) => tag.toLowerCase().split("-")[0]).find(isLanguage) ?? "en";
}

interface Words {
  language: Language;
  choose: (language: Language) => void;
  /** The words that many pages share. */
  text: Text;
  format: Formats;
}

const wordsOf = (language: Language) => ({ text: languages[language], format: formatsOf(languages[language].tag) });

const Context = createContext<Words>({ language: "en", choose: () => {}, ...wordsOf("en") });

/** The words and formats of the reader's language. */
export const useText = () => useContext(Context);

/** The words of one page, which come with its code and not with the first page. */
export const useWords = <Words,>(both: Record<Language, Words>): Words => both[useText().language];

export function TextProvider({ children }: { children: ReactNode }) {
  const [language, setLanguage] = useState(() => preferred(kept(NAME), navigator.languages));
  const words = useMemo(() => wordsOf(language), [language]);

  useEffect(() => {
    document.documentElement.lang = words.text.tag;
  }, [words]);

  function choose(language: Language) {
    store(NAME, language);
    setLanguage(language);
  }

  return <Context value={{ language, choose, ...words }}>{children}</Context>;
}
