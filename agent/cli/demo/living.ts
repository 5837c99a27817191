/** `demo` without `--once`: the company lives until Ctrl-C, and two pages show it from both sides. */
import { createLife } from "../../../test/support/erp/life.ts";
import type { Session } from "../session.ts";
import { createClerk } from "./clerk.ts";
import { startClerkServer } from "./clerk-server.ts";
import { awaitFirstSync } from "./first-sync.ts";
import { createFeed, type Feed } from "./life-feed.ts";
import type { DemoOptions } from "./options.ts";
import { choosePort } from "./ports.ts";
import type { Progress } from "./progress.ts";
import { openWorld, type World } from "./world.ts";

const retryMs = 1_000;
const dropEveryMs = 2_000;

/**
 * Prints the two addresses and returns when `session.signal` aborts.
 * @throws FuserError what kept it from starting, or the unexpected end of portal or agent
 */
export async function keepLiving(session: Session, options: DemoOptions, progress: Progress): Promise<void> {
  await using world = await openWorld(session, options, progress);
  const feed = createFeed(session.clock.now);
  // A connection of the clerk's own: the life's transactions do not hold the page up.
  await using clerkDb = world.place.open();
  const port = await choosePort(options.erpPort, session.random, "--erp-port");
  await using page = await startClerkServer({ clerk: createClerk(clerkDb, session.clock), feed, port });
  try {
    await awaitFirstSync(world, progress);
    const pids = { portal: world.portal.pid, agent: world.agent.pid };
    session.out.result({ portal: world.portal.page, erp: page.url, pids }, () => [
      "",
      `  Portal, as tenants and landlord see it:  ${world.portal.page}`,
      `  ERP, as the clerk sees it:               ${page.url}`,
      "",
      ...(world.drops === undefined ? [] : [`  CSV files that the ERP drops:            ${world.place.dropFolder}`, ""]),
      world.drops === undefined
        ? "Report a damage in the portal and watch it get its number in the ERP; set its status in the ERP and watch the portal. Ctrl-C ends it all."
        : "Set a ticket's status in the ERP and watch the portal. What is reported in the portal is refused: CSV files can only be read. Ctrl-C ends it all.",
    ]);
    await Promise.all([live(world, feed), keepDropping(world)]);
  } catch (error) {
    if (!world.signal.aborted) throw error;
  }
  if (!session.signal.aborted) throw world.signal.reason;
  progress.note("\nStopping ...");
}

/** One business event after the other; what the database refuses for a moment is told and tried again. */
async function live({ session, options, company, signal }: World, feed: Feed): Promise<void> {
  if (options.rate === 0) return untilAborted(signal);
  const life = createLife({ db: company.db, random: session.random, clock: session.clock });
  for (;;) {
    await session.clock.sleep(1_000 / options.rate, signal);
    try {
      feed.add(await life.step());
    } catch (error) {
      session.out.note(`The ERP refused an event: ${error instanceof Error ? error.message : String(error)}`);
      await session.clock.sleep(retryMs, signal);
    }
  }
}

/** The ERP looks every two seconds whether it has something to drop. */
async function keepDropping({ session, drops, signal }: World): Promise<void> {
  if (drops === undefined) return;
  for (;;) {
    await session.clock.sleep(dropEveryMs, signal);
    await drops.delta();
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
}
