// A model as `GET /api/models` tells it.

export type { Model, Price } from "../../services/types";
