import { expect, test } from "vitest";
import { emailGroups } from "../../../../agent/quality/email-groups.ts";
import type { FactLook, Holder } from "../../../../agent/quality/judged.ts";
import type { QualityConfig } from "../../../../config/config.ts";

test("When an address that a crowd is sent with turns out to be the staff's, all of the crowd are read again, and one finding says so", () => {
  const crowd = Array.from(
    { length: 400 },
    (_, no): Holder => ({ self: BigInt(no), source: "persons", key: String(no), detail: 7n, held: false }),
  );
  const look: Partial<FactLook> = {
    addressesKnown: true,
    hash: () => 0n,
    holders: (kind, _, most) => (kind === "email" ? crowd.slice(0, most) : kind === "staff" ? crowd.slice(0, 1) : []),
    holdersSent: (_, __, most) => crowd.slice(0, most),
  };
  const actions = { "email-shared": "send", "email-staff": "send-without-field" } as QualityConfig["actions"];
  const { otherwise, raised } = emailGroups(actions, []).judge(1n, look as FactLook);
  expect(otherwise).toHaveLength(400);
  expect(raised).toMatchObject([{ rule: "email-staff", key: "0" }]);
});
