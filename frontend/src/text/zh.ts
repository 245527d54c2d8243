// 界面的全部中文文字。

import type { Text } from "./en";

export const zh: Text = {
  tag: "zh-CN",
  name: "中文",

  shell: {
    version: (version) => `版本 ${version}`,
    healthy: "运行正常",
    notReady: "未就绪：正在启动、正在退出，或存储不可用",
    away: "服务器没有响应",
    asking: "正在询问服务器…",
    signOut: "退出",
    language: "语言",
  },

  signIn: {
    title: "登录",
    why: "密钥与账目只对管理员显示。令牌只保存在当前标签页，关闭后即清除。",
    token: "管理员令牌",
    hint: "即服务器的 AMP_POOL_ADMIN_TOKEN 的值。",
    action: "登录",
    missing: "请输入管理员令牌。",
    malformed: "这不可能是令牌：其中有空格或特殊字符。",
    rejected: "服务器不认识这个令牌。",
  },

  trouble: {
    away: "服务器没有响应。",
    unauthorized: "服务器不认识这个令牌。",
    refused: (path, status) => `服务器对 ${path} 返回了 ${status}。`,
    unreadable: (path) => `无法读取 ${path} 的回答。中间是否有代理？`,
    stale: (time) => `下面是 ${time} 的数字。每隔几秒会自动重试。`,
    retrying: "每隔几秒会自动重试。",
  },

  overview: {
    title: "总览",
    fit: (ready, total) => `${total} 个密钥中 ${ready} 个可用`,
    noKeys: "还没有密钥",
    parts: {
      cooling: (count) => `${count} 个冷却中`,
      out_of_credit: (count) => `${count} 个余额不足`,
      disabled: (count) => `${count} 个已停用`,
    },
    updated: (age) => `更新于${age}`,
    today: "今日",
    todayNote: "自 UTC 零点起",
    requests: "请求",
    errors: "错误",
    errorShare: (share) => `占请求的 ${share}`,
    tokens: "Token",
    tokensSplit: (input, output) => `输入 ${input}，输出 ${output}`,
    cost: "费用",
    allPriced: "美元",
    unpriced: (count) => `美元，不含 ${count} 个价格未知的请求`,
  },

  keys: {
    title: "密钥",
    note: "及其今日用量",
    name: "密钥",
    state: "状态",
    requests: "请求",
    tokens: "Token",
    cost: "费用",
    shown: (shown, total) => `共 ${total} 个，列出 ${shown} 个。`,
    states: {
      ready: "可用",
      cooling: "冷却中",
      out_of_credit: "余额不足",
      disabled: "已停用",
      probing: "探测中",
    },
    retry: (wait) => `${wait}重试`,
    anyMoment: "即将",
    emptyTitle: "添加第一个密钥",
    emptyText: "有了密钥，池子就能回答请求。把上游密钥填进下面的命令并运行：",
    command: "添加密钥的命令",
    copy: "复制命令",
    copied: "已复制",
  },
};
