export default defineNuxtConfig({
  modules: ["@nuxt/image"],
  telemetry: false,
  devtools: { enabled: false },
  compatibilityDate: "2026-01-01",
  image: {
    provider: "edge",
    providers: { edge: { provider: "edge-images/nuxt", options: { baseURL: "https://images.example.com" } } },
  },
});
