import { expect, test } from "vitest";
import { connectors } from "../../../connectors/registry.ts";

test.each(Object.entries(connectors))(
  "%s can be configured with the feeds that its page names, and with no other",
  (_, { dialect }) => {
    const documented = dialect.capabilities.changes.flatMap(({ method }) => /^feed: (.+)$/.exec(method)?.[1] ?? []);
    expect([...(dialect.feeds ?? [])].sort()).toEqual(documented.sort());
    expect(dialect.powers.nativeFeed).toBe(documented.length > 0);
  },
);
