// How the UI is built. The result is packed into the server crate by `tools/pack.mjs`.

import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.AMP_POOL_URL ?? "http://127.0.0.1:8000";
const proxy = Object.fromEntries(["/api", "/v1", "/health", "/ready", "/openapi.json"].map((path) => [path, server]));

export default defineConfig({
  plugins: [react()],
  server: { proxy },
  preview: { proxy },
  build: {
    // A `data:` icon would change the page whenever the icon does.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
    rolldownOptions: {
      // The page of the API is a page of its own.
      input: ["index.html", "docs.html"],
      output: {
        codeSplitting: {
          // Vendor code has its own files, so that a change of ours leaves their names, and everybody's caches, alone.
          groups: [
            { name: "react", test: /node_modules[\\/](react|react-dom|scheduler)[\\/]/, priority: 2 },
            // A chart is no part of the first page.
            { name: "uplot", test: /node_modules[\\/]uplot[\\/]/, priority: 2 },
            { name: "swagger", test: /node_modules[\\/]swagger-ui-dist[\\/]/, priority: 2 },
            { name: "antd", test: /node_modules[\\/]/, priority: 1 },
          ],
        },
      },
    },
  },
  test: { include: ["src/**/*.test.ts"] },
});
