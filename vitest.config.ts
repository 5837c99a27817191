import { defineConfig } from "vitest/config";
import { LongestFirst } from "./test/support/run/longest-first.ts";

const setupFiles = ["test/support/leaks.ts"];
/** A condition is waited for: up to a minute on a busy machine, where vitest gives up after a second. */
const patient = { poll: { timeout: 60_000 } };
/** Measures memory and progress under kills: it has precedence over what runs beside it. */
const storm = "test/fault/storm.test.ts";

/** One project per suite of `npm test`. Two files at a time: tests of real processes wait more than they work, and share neither ports nor files. */
export default defineConfig({
  test: {
    maxWorkers: 2,
    sequence: { sequencer: LongestFirst },
    projects: [
      {
        test: { name: "unit", include: ["test/unit/**/*.test.ts"], setupFiles, testTimeout: 90_000, hookTimeout: 90_000 },
      },
      {
        test: {
          name: "contract",
          include: ["test/contract/**/*.test.ts"],
          setupFiles,
          expect: patient,
          testTimeout: 120_000,
          hookTimeout: 180_000,
        },
      },
      {
        test: { name: "fuzz", include: ["test/fuzz/**/*.test.ts"], setupFiles, testTimeout: 60_000, hookTimeout: 60_000 },
      },
      {
        test: {
          name: "fault",
          include: ["test/fault/**/*.test.ts"],
          exclude: [storm],
          setupFiles,
          testTimeout: 600_000,
          hookTimeout: 240_000,
        },
      },
      {
        test: {
          name: "simulation",
          include: ["test/simulation/*.test.ts"],
          setupFiles,
          testTimeout: 180_000,
          hookTimeout: 60_000,
        },
      },
      { test: { name: "storm", include: [storm], setupFiles, testTimeout: 600_000, hookTimeout: 240_000 } },
      {
        test: {
          name: "end-to-end",
          include: ["test/end-to-end/**/*.test.ts"],
          setupFiles,
          testTimeout: 600_000,
          hookTimeout: 240_000,
        },
      },
    ],
  },
});
