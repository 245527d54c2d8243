// One picture for each page in the menu.

import AlertOutlined from "@ant-design/icons/AlertOutlined";
import ApiOutlined from "@ant-design/icons/ApiOutlined";
import AuditOutlined from "@ant-design/icons/AuditOutlined";
import BarChartOutlined from "@ant-design/icons/BarChartOutlined";
import DashboardOutlined from "@ant-design/icons/DashboardOutlined";
import ExperimentOutlined from "@ant-design/icons/ExperimentOutlined";
import KeyOutlined from "@ant-design/icons/KeyOutlined";
import PartitionOutlined from "@ant-design/icons/PartitionOutlined";
import SafetyOutlined from "@ant-design/icons/SafetyOutlined";
import SettingOutlined from "@ant-design/icons/SettingOutlined";
import UnorderedListOutlined from "@ant-design/icons/UnorderedListOutlined";
import type { PageId } from "./nav";

export const icons: Record<PageId, typeof KeyOutlined> = {
  overview: DashboardOutlined,
  keys: KeyOutlined,
  tokens: ApiOutlined,
  models: PartitionOutlined,
  rules: SafetyOutlined,
  requests: UnorderedListOutlined,
  statistics: BarChartOutlined,
  playground: ExperimentOutlined,
  alerts: AlertOutlined,
  settings: SettingOutlined,
  audit: AuditOutlined,
};
