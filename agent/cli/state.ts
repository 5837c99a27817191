import { FuserError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import { openStoreForReading } from "../store/open.ts";
import type { AskAnswer, AskBody, StoreReader } from "../store/store.ts";
import type { Session } from "./session.ts";

/** Looks into the state of an agent, running or not, and closes it again. */
export async function withState<T>({ clock }: Session, config: Config, look: (state: StoreReader) => T | Promise<T>): Promise<T> {
  using state = openStoreForReading(config.agent.state, clock);
  return await look(state);
}

const answerWithinMs = 30_000;

/**
 * Leaves a question for the running agent and waits for its answer.
 * @throws FuserError `decision-refused` with the agent's reason, `state-agent-silent` when none answers; the question stays and is taken at the next start
 */
export async function ask(session: Session, config: Config, body: AskBody): Promise<AskAnswer> {
  return await withState(session, config, async (state) => {
    const id = state.asks.post(body, session.clock.now());
    const until = session.clock.monotonic() + answerWithinMs;
    for (;;) {
      const answer = state.asks.answerOf(id);
      if (answer?.outcome === "done") return answer;
      if (answer) {
        throw new FuserError("rejected", answer.message, { code: "decision-refused", operation: body.kind });
      }
      if (session.clock.monotonic() > until) {
        throw new FuserError("transient", "The agent did not answer", {
          code: "state-agent-silent",
          operation: body.kind,
          place: config.agent.state,
          hint: "It is kept and will be done when the agent runs. See `erpfuser status`",
        });
      }
      await session.clock.sleep(50, session.signal);
    }
  });
}
