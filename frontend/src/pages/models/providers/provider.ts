// A provider of one's own as the server has it, and as the form holds it. Pure.

export const FORMATS = ["chat", "messages", "responses"] as const;

export type FormatName = (typeof FORMATS)[number];

export const AUTHS = ["bearer", "x-api-key", "api-key", "x-goog-api-key", "both", "none"] as const;

/** How one format is spoken. The form shows where; the rest stays as it is. */
type Surface = { root: string } & Record<string, unknown>;

/** What an operator wrote of a provider. */
export interface Definition {
  id: string;
  name: string;
  base_url: string | null;
  auth: string;
  credential_optional?: boolean;
  models: string[];
  formats: Partial<Record<FormatName, Surface>>;
  headers?: Record<string, string>;
}

/** A provider in `GET /api/providers`; presets are nobody's own. */
export interface Listed {
  id: string;
  name: string;
  base_url: string | null;
  formats: string[];
  own?: { create_time: string; update_time: string; definition: Definition } | null;
}

export interface ProviderValues {
  id: string;
  name: string;
  baseUrl: string;
  auth: string;
  credentialOptional: boolean;
  models: string;
  /** The root of each format that is spoken; nothing for the others. */
  roots: Partial<Record<FormatName, string>>;
  /** A header a line, as in `name: value`. */
  headers: string;
}

export const USUAL_ROOT = "/v1";

export const blankProvider: ProviderValues = { id: "", name: "", baseUrl: "", auth: "bearer", credentialOptional: false, models: "", roots: { chat: USUAL_ROOT }, headers: "" };

export function providerValues(known: Definition): ProviderValues {
  const spoken = FORMATS.flatMap((name): [FormatName, string][] => (known.formats[name] ? [[name, known.formats[name].root]] : []));
  return {
    id: known.id,
    name: known.name,
    baseUrl: known.base_url ?? "",
    auth: known.auth,
    credentialOptional: known.credential_optional ?? false,
    models: known.models.join("\n"),
    roots: Object.fromEntries(spoken),
    headers: Object.entries(known.headers ?? {}).map(([name, value]) => `${name}: ${value}`).join("\n"),
  };
}

const lines = (text: string) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** Pairs of `name: value`; a line without a colon is a name without a value, for the server to refuse. */
export function headersOf(text: string): Record<string, string> {
  const pairs = lines(text).map((line): [string, string] => {
    const colon = line.indexOf(":");
    return colon < 0 ? [line, ""] : [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
  });
  return Object.fromEntries(pairs);
}

export function providerBody(values: ProviderValues, known?: Definition): Record<string, unknown> {
  const formats = FORMATS.flatMap((name) => {
    const root = values.roots[name];
    return root === undefined ? [] : [[name, { ...known?.formats[name], root: root.trim() }]];
  });
  return {
    ...(!known && { id: values.id.trim() }),
    name: values.name.trim(),
    base_url: values.baseUrl.trim() || null,
    auth: values.auth,
    credential_optional: values.credentialOptional,
    models: values.models.split(/[,，\n]/).map((model) => model.trim()).filter(Boolean),
    formats: Object.fromEntries(formats),
    headers: headersOf(values.headers),
  };
}
