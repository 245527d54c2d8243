// The words of what the server was started with.

export const en = {
  title: "Settings of the server",
  note: "given where it is started; changed by starting it anew",
  given: "Given",
  all: "All",
  name: "Name",
  value: "Now",
  usual: "Default",
  source: "From",
  sources: { default: "default", flag: "command line", environment: "environment", file: ".env" } as Record<string, string>,
  hidden: "set, not shown",
  notSet: "not set",
  nothing: (count: string) => `All ${count} are as by default.`,
};

export const zh: typeof en = {
  title: "服务器设置",
  note: "在启动服务器的地方给出；重新启动后才会改变",
  given: "已给出",
  all: "全部",
  name: "名称",
  value: "当前值",
  usual: "默认值",
  source: "来源",
  sources: { default: "默认", flag: "命令行", environment: "环境变量", file: ".env" },
  hidden: "已设置，不显示",
  notSet: "未设置",
  nothing: (count) => `${count} 项全部为默认值。`,
};

export const words = { en, zh };
