# The web UI, for the Makefile at the top to include. Only these targets need Node; cargo never does.

UI_FRESH := node frontend/tools/fresh.mjs
# Does nothing when it was installed from the list as it is now; the mark comes last, so that a broken run leaves none.
UI_INSTALL := { sha256sum package-lock.json | cmp --silent - node_modules/made-from || \
  { npm ci --ignore-scripts --no-audit --no-fund --loglevel=error && sha256sum package-lock.json >node_modules/made-from; }; }

.PHONY: ui ui-if-possible check-ui test-ui test-e2e types check-types

# Builds and packs the UI into amp-pool-server/ui, unless that was made from the very same sources.
ui:
	@if $(UI_FRESH); then echo "the packed UI is up to date"; \
	else cd frontend && $(UI_INSTALL) && npm run --silent build && npm run --silent pack; fi

# The same where Node is found. Where it is not, or the build fails, the committed UI is used as it is.
ui-if-possible:
	@if command -v node >/dev/null && command -v npm >/dev/null; then \
	  $(MAKE) --no-print-directory ui || echo "the UI was not rebuilt; going on with the committed one"; \
	else echo "Node was not found; going on with the committed UI"; fi

# Fails when the committed UI is not what its sources give, to the byte.
check-ui:
	@cd frontend && $(UI_INSTALL) && out=$$(mktemp -d) && trap 'rm -rf "$$out"' EXIT && \
	  npm run --silent build -- --outDir "$$out" --logLevel error && node tools/check.mjs "$$out"

# The generator of types, which wants another TypeScript than the rest.
TYPES_INSTALL := { cd tools/openapi && { $(UI_INSTALL) } && cd ../..; }

# Makes the types of the API anew, of amp-pool-server/openapi.json.
types:
	@cd frontend && $(TYPES_INSTALL) && npm run --silent types

# Fails when they are not what the document gives.
check-types:
	@cd frontend && $(TYPES_INSTALL) && npm run --silent types -- --check

# Types, lints and logic of the UI.
test-ui: check-types
	@cd frontend && $(UI_INSTALL) && npm run --silent check && npm run --silent lint && npm run --silent test

# Journeys in a browser through the real server; their pictures stay in frontend/.e2e.
test-e2e:
	@browser=$$(.ci/browser) && $(TESTED_SERVER) && cd frontend && $(UI_INSTALL) && \
	  CHROMIUM="$$browser" AMP_POOL_SERVER=$(abspath $(CARGO_TARGET_DIR)/debug/amp-pool-server) npm run --silent e2e
