// The words of alerts.

export const en = {
  events: "What was told",
  noEvents: "Nothing has had to be told yet.",
  rules: "When to tell",
  noRules: "No rules yet.",
  channels: "Whom to tell",
  noChannels: "No channels yet.",
  test: "Send a test",
  sent: (name: string) => `${name}: the test was sent.`,
  off: "off",
};

export const zh: typeof en = {
  events: "已发出的告警",
  noEvents: "还没有需要告知的事。",
  rules: "何时告警",
  noRules: "还没有规则。",
  channels: "通知谁",
  noChannels: "还没有渠道。",
  test: "发送测试",
  sent: (name) => `${name}：测试已发送。`,
  off: "已关闭",
};

export const words = { en, zh };
