// The admin token of this tab. It is gone when the tab closes, and never in a URL or a cookie.

import { tabStorage } from "./storage";

const NAME = "amp-pool.admin-token";

/** Whether `text` can be a token at all; a header carries visible ASCII only. */
export const isToken = (text: string) => /^[\x21-\x7e]+$/.test(text);

export const storedToken = () => tabStorage()?.getItem(NAME) ?? undefined;

export const keepToken = (token: string) => tabStorage()?.setItem(NAME, token);

export const forgetToken = () => tabStorage()?.removeItem(NAME);
