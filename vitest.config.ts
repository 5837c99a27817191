import { defineConfig } from "vitest/config";

const setupFiles = ["test/support/leaks.ts"];

/** One project per suite of `npm test`. Fault and end-to-end tests own real processes and ports: one file at a time. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    projects: [
      {
        test: { name: "unit", include: ["test/unit/**/*.test.ts"], setupFiles, testTimeout: 30_000, hookTimeout: 30_000 },
      },
      {
        test: { name: "contract", include: ["test/contract/**/*.test.ts"], setupFiles, testTimeout: 30_000, hookTimeout: 60_000 },
      },
      {
        test: {
          name: "fault",
          include: ["test/fault/**/*.test.ts"],
          setupFiles,
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
      {
        test: {
          name: "end-to-end",
          include: ["test/end-to-end/**/*.test.ts"],
          setupFiles,
          fileParallelism: false,
          testTimeout: 300_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
