import { svelte } from "@sveltejs/vite-plugin-svelte";
import { defineConfig } from "vite";

export default defineConfig({
  plugins: [svelte()],
  base: "./",
  build: { outDir: "../runlake_ui/assets", emptyOutDir: true, target: "es2022", modulePreload: { polyfill: false }, assetsInlineLimit: 0 },
  // `npx vite` beside `runlake ui --no-token` draws what is edited at once.
  server: { proxy: { "/api": { target: "http://127.0.0.1:5000", changeOrigin: true } } },
});
