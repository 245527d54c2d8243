// Ends with 0 when the packed UI was made from the sources as they are now.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packed, sourceHash } from "./sources.mjs";

function recorded() {
  try {
    return JSON.parse(readFileSync(join(packed, "manifest.json"), "utf8")).sources;
  } catch {
    return "nothing";
  }
}

process.exitCode = recorded() === sourceHash() ? 0 : 1;
