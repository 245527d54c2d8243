// The answer of `POST /api/routes/explain`.

import type { Explanation } from "../../services/types";

export type { Explanation } from "../../services/types";

export type CandidateNow = Explanation["candidates"][number];
export type StateNow = Pick<CandidateNow, "state" | "until" | "reason">;
