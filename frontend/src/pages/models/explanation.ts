// The answer of `POST /api/routes/explain`.

export interface StateNow {
  state: string;
  until: string | null;
  reason: string | null;
}

export interface CandidateNow extends StateNow {
  key_id: number;
  name: string;
  provider: string;
  tier: number;
  priority: number;
  weight: number;
  upstream_format: string | null;
  upstream_model: string;
  translated: boolean;
  home: boolean;
  room: { permille: number; resource: string; set_by_operator: boolean };
}

export interface Explanation {
  model: string;
  route_id: number | null;
  strategy: string | null;
  outcome: string;
  choice: {
    key_id: number;
    by: string;
    upstream_format: string;
    upstream_model: string;
    translated: boolean;
    despite: StateNow | null;
  } | null;
  refusal: { http_status_code: number; error_type: string; message: string; retry_after_ms: number | null } | null;
  candidates: CandidateNow[];
  candidates_total: number;
  excluded: { key_id: number; name: string; why: string }[];
  excluded_total: number;
}
