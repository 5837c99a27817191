/** Kinds as `process.getActiveResourcesInfo` names them: what keeps a process alive. Idle (unreferenced) ones are not listed by it. */
const watched = new Set([
  "TCPSocketWrap",
  "TCPServerWrap",
  "PipeWrap",
  "PipeServerWrap",
  "TLSWrap",
  "UDPWrap",
  "ProcessWrap",
  "FSEventWrap",
  "StatWatcher",
  "MessagePort",
  "Worker",
  "Timeout",
  "Immediate",
]);
const events = ["SIGINT", "SIGTERM", "SIGHUP", "uncaughtException", "unhandledRejection"];

/** How many sockets, servers, children, timers, workers and process listeners are open now, by kind. */
export function openResources(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const name of process.getActiveResourcesInfo()) if (watched.has(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
  for (const event of events) counts.set(`listener of process "${event}"`, process.listenerCount(event));
  return counts;
}

/** What is open now beyond `before`, as `2 × TCPSocketWrap`. */
export function openedSince(before: ReadonlyMap<string, number>): string[] {
  return [...openResources()].flatMap(([name, count]) => {
    const more = count - (before.get(name) ?? 0);
    return more > 0 ? [`${more} × ${name}`] : [];
  });
}
