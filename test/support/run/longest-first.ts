import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files of a minute and more on two cores, the longest first: one that began last would run on alone. */
const longest = [
  "fault/restored-erp",
  "fault/agent-killed",
  "fault/restored",
  "fault/thirty-days-offline",
  "fault/torn-store",
  "fault/command-killed",
  "fault/failover",
  "fault/refused-erp",
  "fault/half-open",
  "fault/erp-restart",
  "fault/refused-portal",
  "fault/lying-portal",
  "fault/one-bad-row",
  "end-to-end/demo-mariadb",
  "end-to-end/cli-first-hour",
  "end-to-end/cli-daily",
  "end-to-end/demo-once",
  "end-to-end/demo-living",
  "contract/connector-feed",
  "contract/connector-scan",
  "contract/postgres-feed-faults",
];

/** Without figures of an earlier run, as on a clean clone, vitest would begin with the files that have the most text. */
export class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const sorted = await super.sort(files);
    const rank = ({ moduleId }: TestSpecification): number => {
      const at = longest.findIndex((name) => moduleId.endsWith(`/test/${name}.test.ts`));
      return at === -1 ? longest.length : at;
    };
    return sorted.sort((a, b) => rank(a) - rank(b));
  }
}
