// The words of the ways that requests leave by.

export const en = {
  title: "Ways out",
  about: "Upstreams see the address that a way comes out at. Keys that share one share its limits and its reputation.",
  direct: "Direct, without a proxy",
  keys: (count: string, one: boolean) => `${count} ${one ? "key" : "keys"}`,
  shared: (count: string) => `${count} keys at one address`,
  test: "Test",
  testAll: "Test all",
  testing: "Testing…",
  came: (ip: string, span: string) => `${ip}, ${span}`,
  absent: "This server can not test ways yet.",
};

export const zh: typeof en = {
  title: "出口线路",
  about: "上游看到的是线路出口的地址。共用一个地址的密钥，也共用它的限额和信誉。",
  direct: "直连，不经代理",
  keys: (count) => `${count} 个密钥`,
  shared: (count) => `${count} 个密钥共用一个地址`,
  test: "测试",
  testAll: "全部测试",
  testing: "正在测试…",
  came: (ip, span) => `${ip}，${span}`,
  absent: "这台服务器还不能测试线路。",
};

export const words = { en, zh };
