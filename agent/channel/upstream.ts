/** The way up on one connection: frames of the outbox in order within the portal's window, and what an ack does to them. */
import type { Ack, Refusal, Welcome } from "../../protocol/messages.ts";
import { emptyFlight, judgeAck, land, launch, maySend } from "./acks.ts";
import { fitFrame, type WireFrame, wholeFrame } from "./fit-frame.ts";
import type { Begin, ChannelStore } from "./greeting.ts";
import type { Link } from "./link.ts";
import { recall, remember } from "./memory.ts";

/** Bytes handed to the link and not yet to the network, past which nothing more is handed over. */
const highWaterBytes = 1_048_576;

/** Frames sent before acks, commands and heartbeats have their turn. */
const framesPerTurn = 200;

export interface UpstreamParts {
  store: ChannelStore;
  welcome: Welcome;
  begin: Begin;
  onAck: (seq: number, refused: readonly Refusal[]) => void;
}

export interface Upstream {
  /**
   * Sends what the window allows. `more`: there is room for more, but others shall have their turn. `stuck`: the next item is larger than the portal
   * takes, and no number may be left out.
   */
  pump(link: Link): "done" | "more" | "stuck";
  /**
   * Applies an ack, in one transaction with what `onAck` writes where anything was refused. A plain ack costs no commit of its own: its frames are
   * deleted with the next one, and until then the portal would repeat it. Returns what is wrong with it, if anything.
   */
  acknowledge(ack: Ack): string | undefined;
}

export function createUpstream(parts: UpstreamParts): Upstream {
  const { store, welcome, begin, onAck } = parts;
  const limits = { items: welcome.windowItems, bytes: welcome.windowBytes };
  let nextSeq = begin.start.next;
  let acked = store.outbox.bounds().first - 1;
  let sent = nextSeq - 1;
  const flight = emptyFlight();
  let { established } = recall(store.meta);
  let limitTold = begin.checkUntil === 0;
  /** Read from the outbox, waiting for room in the window. */
  let waiting: WireFrame | undefined;

  const peek = (): WireFrame | "none" | "stuck" => {
    if (waiting !== undefined) return waiting;
    const stored = store.outbox.frameFrom(nextSeq);
    if (stored === undefined) return "none";
    const asItIs = stored.first >= nextSeq && stored.first > begin.checkUntil;
    waiting = asItIs ? wholeFrame(stored) : fitFrame(stored, { from: nextSeq, maxBytes: welcome.maxFrameBytes });
    return waiting ?? "stuck";
  };

  return {
    pump(link) {
      for (let count = 0; link.bufferedBytes < highWaterBytes; count++) {
        if (count === framesPerTurn) return "more";
        const frame = peek();
        if (frame === "stuck") return "stuck";
        if (frame === "none" || !maySend(flight, limits, frame)) break;
        waiting = undefined;
        link.send(frame.data);
        launch(flight, frame);
        sent = frame.last;
        nextSeq = frame.last + 1;
      }
      return "done";
    },
    acknowledge(ack) {
      const verdict = judgeAck(ack, { acked, sent });
      if (verdict.kind === "fault") return verdict.message;
      if (verdict.kind === "stale") return undefined;
      const refused = ack.refused.filter((refusal) => refusal.seq > acked);
      const tellsLimit = !limitTold && ack.seq >= begin.checkUntil;
      if (refused.length === 0 && established && !tellsLimit) store.outbox.ack(ack.seq);
      else {
        store.transaction(() => {
          onAck(ack.seq, refused);
          store.outbox.ack(ack.seq);
          if (!established) remember(store.meta, { established: true });
          if (tellsLimit) remember(store.meta, { frameLimit: welcome.maxFrameBytes });
        });
        established = true;
        limitTold ||= tellsLimit;
      }
      acked = ack.seq;
      land(flight, ack.seq);
      return undefined;
    },
  };
}
