import { expect, test } from "vitest";
import { type Channel, channelBody, channelValues, placeOf, type ServiceField } from "./channel";

const field = (name: string, secret = false): ServiceField => ({ name, secret, needed: false });
const hook = [field("url", true), field("secret", true), field("template")];
const mailFields = [field("host"), field("port"), field("password", true), field("to")];
const mail: Channel = {
  id: 1, create_time: "", update_time: "", name: "ops", kind: "email", enabled: true, host: "mail.example.com",
  settings: { host: "mail.example.com", port: "587", to: "ops@example.com" }, secrets: ["password"],
};

test("settings and secrets go apart, and what the service does not want goes nowhere", () => {
  const texts = { url: " https://example.com/hook ", secret: "s3cret", chat_id: "7" };
  expect(channelBody({ name: " hook ", kind: "webhook", texts }, hook)).toEqual({
    name: "hook", kind: "webhook", settings: {}, secrets: { url: "https://example.com/hook", secret: "s3cret" },
  });
  expect(hook.map(placeOf)).toEqual(["secrets.url", "secrets.secret", "settings.template"]);
});

test("a secret that was not typed again is not touched, and a setting that was emptied goes", () => {
  const values = channelValues(mail);
  expect(channelBody({ ...values, texts: { ...values.texts, port: " " } }, mailFields, mail)).toEqual({
    name: "ops", settings: { host: "mail.example.com", port: null, to: "ops@example.com" }, secrets: {},
  });
  expect(channelBody({ ...values, texts: { ...values.texts, password: "new one" } }, mailFields, mail)).toMatchObject({ secrets: { password: "new one" } });
});
