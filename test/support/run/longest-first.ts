import { BaseSequencer, type TestSpecification } from "vitest/node";

/** Files of a minute and more on two cores, the longest first: one that began last would run on alone. */
const longest = [
  "fault/restored-erp",
  "fault/restored",
  "fault/agent-killed",
  "fault/command-killed",
  "end-to-end/demo-living",
  "end-to-end/demo-mariadb",
  "end-to-end/demo-once",
  "fault/torn-store",
  "fault/erp-restart",
  "fault/half-open",
  "fault/failover",
  "contract/connector-feed",
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
