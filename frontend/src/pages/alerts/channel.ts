// A channel as the server has it, the services there are, and the form of one. Pure.

export interface Channel {
  id: number;
  create_time: string;
  update_time: string;
  name: string;
  kind: string;
  enabled: boolean;
  settings: Record<string, string>;
  /** The names of those that are set; what they hold is never given back. */
  secrets: string[];
  /** Where it leads. */
  host: string | null;
}

export interface ServiceField {
  name: string;
  secret: boolean;
  needed: boolean;
}

/** What a service is called and wants to know. */
export interface Service {
  kind: string;
  title: string;
  fields: ServiceField[];
}

/** What is typed: a name, and a text for each field. A secret begins empty, whether there is one or not. */
export interface ChannelValues {
  name: string;
  kind: string;
  texts: Record<string, string>;
}

export const blankChannel: ChannelValues = { name: "", kind: "webhook", texts: {} };

export const channelValues = ({ name, kind, settings }: Channel): ChannelValues => ({ name, kind, texts: { ...settings } });

/** How the server names a field. */
export const placeOf = ({ name, secret }: ServiceField) => `${secret ? "secrets" : "settings"}.${name}`;

/** What is sent. Of a channel that is there, an empty setting is taken away, and an empty secret means the one that is stored. */
export function channelBody({ name, kind, texts }: ChannelValues, fields: readonly ServiceField[], known?: Channel): Record<string, unknown> {
  const typed = (secret: boolean) =>
    Object.fromEntries(
      fields.flatMap((field): [string, string | null][] => {
        const text = texts[field.name]?.trim();
        if (field.secret !== secret) return [];
        if (text) return [[field.name, text]];
        return known?.settings[field.name] !== undefined ? [[field.name, null]] : [];
      }),
    );
  return { name: name.trim(), ...(!known && { kind }), settings: typed(false), secrets: typed(true) };
}
