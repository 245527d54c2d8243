// The admin token of this tab. It is gone when the tab closes, and never in a URL or a cookie.

const NAME = "amp-pool.admin-token";

/** Whether `text` can be a token at all; a header carries visible ASCII only. */
export const isToken = (text: string) => /^[\x21-\x7e]+$/.test(text);

/** A browser may forbid storage; then the token lives as long as the page. */
const storage = (): Storage | undefined => {
  try {
    return window.sessionStorage;
  } catch {
    return undefined;
  }
};

export const storedToken = () => storage()?.getItem(NAME) ?? undefined;

export const keepToken = (token: string) => storage()?.setItem(NAME, token);

export const forgetToken = () => storage()?.removeItem(NAME);
