// The words of the audit log.

export const en = {
  why: "Who changed what, from where, and what came of it. Secrets are not in it.",
  who: "Who",
  did: "Did",
  what: "What",
  detail: "With",
  from: "From",
  outcome: "Outcome",
  broke: "broke off",
  emptyTitle: "Nothing was changed yet",
  emptyText: "Whatever somebody changes in the pool from now on is written down here.",
};

export const zh: typeof en = {
  why: "谁改了什么、从哪里、结果如何。其中没有密文。",
  who: "谁",
  did: "做了",
  what: "对象",
  detail: "内容",
  from: "来自",
  outcome: "结果",
  broke: "中断",
  emptyTitle: "还没有任何改动",
  emptyText: "从现在起，池中的每次改动都会记在这里。",
};

export const words = { en, zh };
