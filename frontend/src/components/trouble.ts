// Why there is no newer answer, in words.

import type { ApiError } from "../services/api";
import type { Text } from "../text";

export function troubleText(error: ApiError, text: Text["trouble"]): string {
  switch (error.trouble) {
    case "away":
      return text.away;
    case "unauthorized":
      return text.unauthorized;
    case "refused":
      return text.refused(error.path, error.status ?? 0);
    case "unreadable":
      return text.unreadable(error.path);
  }
}
