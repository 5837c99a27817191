/** Sends the commands of one link in their order, a bounded number ahead, and again what was not received in time. */
import type { Clock } from "../base/time.ts";
import type { Command } from "../protocol/messages.ts";
import type { Commands } from "./commands.ts";
import type { Speaker } from "./commit.ts";
import type { Limits } from "./settings.ts";

export interface Dispatch {
  /** Sends what may be sent now: after `start`, after a new command and on each beat. */
  pump(): void;
  /** The agent has stored this command. */
  received(id: string): void;
}

export function createDispatch(parts: {
  speaker: Speaker;
  commands: Commands;
  clock: Clock;
  limits: Limits;
  send: (message: Command) => void;
}): Dispatch {
  const { speaker, commands, clock, limits, send } = parts;
  const inFlight = new Map<string, { message: Command; sentAt: number }>();
  let lastSent = 0;

  const sendNew = (): void => {
    const room = limits.commandsInFlight - inFlight.size;
    if (room <= 0) return;
    for (const { n, message } of commands.unsettled(speaker.agentId, speaker.epoch, { n: lastSent, limit: room })) {
      inFlight.set(message.id, { message, sentAt: clock.monotonic() });
      lastSent = n;
      send(message);
    }
  };

  return {
    pump() {
      for (const flying of inFlight.values()) {
        if (clock.monotonic() - flying.sentAt < limits.commandResendMs) continue;
        flying.sentAt = clock.monotonic();
        send(flying.message);
      }
      sendNew();
    },
    received(id) {
      if (inFlight.delete(id)) sendNew();
    },
  };
}
