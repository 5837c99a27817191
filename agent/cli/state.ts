import { FuserError } from "../../base/errors.ts";
import type { Config } from "../../config/config.ts";
import { readStatusFile, stillRuns } from "../status-file.ts";
import { openStoreForReading } from "../store/open.ts";
import type { AskAnswer, AskBody, StoreReader } from "../store/store.ts";
import type { Session } from "./session.ts";

/** Looks into the state of an agent, running or not, and closes it again. */
export async function withState<T>({ clock }: Session, config: Config, look: (state: StoreReader) => T | Promise<T>): Promise<T> {
  using state = openStoreForReading(config.agent.state, clock);
  return await look(state);
}

const answerWithinMs = 30_000;

function agentRuns(config: Config): boolean {
  const status = readStatusFile(config.agent.state);
  return status !== undefined && stillRuns(status);
}

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
        const { message, code = "decision-refused", hint } = answer;
        throw new FuserError("rejected", message, { code, operation: body.kind, ...(hint === undefined ? {} : { hint }) });
      }
      if (session.clock.monotonic() > until || !agentRuns(config)) {
        throw new FuserError("transient", agentRuns(config) ? "The agent did not answer" : "The agent is not running", {
          code: "state-agent-silent",
          operation: body.kind,
          place: config.agent.state,
          hint: "What was asked is kept, and done once the agent runs: see `erpfuser status`",
        });
      }
      await session.clock.sleep(50, session.signal);
    }
  });
}
