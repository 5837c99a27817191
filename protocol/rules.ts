/** The rules that no schema can say, for whoever writes a portal from the generated documents alone; they become the text of the AsyncAPI. */

const overview = `
The channel between one ERP Fuser agent, which runs beside a housing company's ERP, and a portal. One WebSocket over TLS, opened by the
agent, subprotocol \`fuser.v1\`. The agent sends what changed in the ERP as entities of the portal's model; the portal sends commands, which the agent
carries out in the ERP. Both directions are at-least-once on the wire and exactly-once in effect. The words MUST and MAY are those of RFC 2119.
Other documents of this set: \`messages.schema.json\` (each message), \`model.schema.json\` (the fields of each entity type), \`openapi.json\`
(enrolment and key rotation).`;

const identity = `
## Identity

1. The portal shows a one-time code. The agent makes an Ed25519 key pair and posts code and public key to \`/enrol\` (openapi.json). It gets its id, the
   address of this channel (\`channel\`) and the \`audience\` of its tokens.
2. Each connection carries \`Authorization: Bearer <JWT>\`, signed with the agent's key: header \`{"alg":"EdDSA"}\`, claims \`sub\` = agent id,
   \`aud\` = audience (one string), \`iat\` = now in seconds, \`jti\` = 8 to 100 characters, new for each connection. The portal MUST check the signature;
   MUST refuse a token whose \`iat\` is more than 5 minutes off its own clock, either way; and MUST remember each \`jti\` for 10 minutes,
   over restarts too, and refuse it a second time.
3. A refusal is the HTTP status 401 in place of the upgrade, with the JSON body \`httpFault\` of openapi.json: \`error\` says why
   (\`wrong-clock\`, \`revoked\`, ...), \`now\` is the portal's time.
4. Everything that an agent sends belongs to that agent: the portal keys entities by (agent, type, id).`;

const frames = `
## Frames

- A message is one JSON object. Up to 4,096 bytes of JSON travel as a text frame. Longer JSON travels as a binary frame: one byte \`0x01\`, then the JSON
  compressed with zstd (RFC 8878; the sender uses level 1). A piece of a document begins with \`0x02\` (see Documents). Other first bytes are refused. permessage-deflate is not used.
- \`maxFrameBytes\` of \`welcome\` counts the JSON before compression and holds in both directions. A receiver MUST bound what it unpacks by it. A larger frame closes
  with 4413 (or 1009, where the WebSocket layer is first).
- Nothing unknown is sent or accepted: a message that does not fit its schema closes with 4400 and a reason that names the place and never the value.`;

const handshake = `
## Handshake: hello, welcome, start

1. The agent sends \`hello\` at once. \`types[].schema\` declares a type that is not in the model, for this agent and until its next \`hello\`: validate its items by it, and close with 4400 what is no declaration. \`connection\` is the connection number that it last received and stored, 0 for none; \`epoch\` names its outbox' present
   history; \`first\` and \`next\` say which sequence numbers the outbox still holds (none when equal).
2. The portal closes with 4406 when it shares no protocol or model version (both are 1 today), with 4412 when \`stage\` is not the one of the enrolment.
   Otherwise it closes every other connection of this agent with 4409 and answers \`welcome\`:
   - \`seen\`: the highest connection number that it has counted for this agent; \`connection\`: max(\`seen\`, the presented number) + 1 (past 2^52: close 4400).
   - \`last\`: the last sequence number held durably, if \`epoch\` is the one that the portal has stored for this agent (0 when no item came yet);
     \`null\` when it is another one.
   - \`otherHost\`: the \`host\` that used this identity last, if it was another one.
   - \`types\`: those offered types that it takes. The window, the largest frame, the heartbeat, and its clock in \`now\`: expiry is judged by that clock.
3. The agent stores the connection number and answers \`start\` with it. Only now does the portal count the number, on the condition that
   no higher one was counted meanwhile (else close 4409). \`start.epoch\` is the hello's epoch, or a new one with the reason in \`renewed\`. When it differs from the
   stored epoch, the portal stores it and forgets \`last\` (nothing held); the entities stay.
4. An agent that sees \`seen\` above what it presented, \`last\` at or past its \`next\`, \`last\` below its \`first\` − 1, or \`null\` for an epoch that
   the portal knew before, begins a new epoch: one side was restored from a backup or copied. It then asks for the portal's \`inventory\` and sends what differs.
5. After \`start\`, if \`last\` ≥ the hello's \`first\`, the portal MUST send an \`ack\` of \`last\` that repeats the refusals (of this epoch) of every number ≥
   \`first\`: the ack may have been lost with the previous connection. Where several items of one entity are among them, the last one's refusal is enough.`;

const changes = `
## Changes and acks

- Items carry consecutive sequence numbers from 1 within an epoch. \`changes.from\` is the number of the first row; rows are numbered through all
  tables in order. A row is \`[id, time, ...values]\`, the values in the order of the table's \`fields\`; \`time\` is milliseconds since 1970 UTC. A delete's \`fields\` is \`["reason"]\`.
  \`cause\`, \`replaces\` and \`withheld\` are keyed by the row's index within its table, from 0. A row of another length, a field named twice or a note for a row
  that is not there makes the frame malformed.
- An upsert is the whole state: a field that is not named is unset; \`null\` means "known to be empty". A field in \`withheld\` is \`null\`, and the portal drops its old value.
- A delete of an entity that is not there is fine. With reason \`erased\` the portal deletes the fields for good. \`replaces\` names the id that this entity continues: what
  hung on the old one belongs to the new one.
- \`cause\` is the id of the portal's command that led to this state, as found in the ERP.
- The portal applies items in order. It MUST commit the items of a frame, their refusals and the new \`last\` in one transaction, on the condition that this
  connection is the newest one counted and its epoch the stored one, and that \`last\` is the number before the first item applied. Items at or below
  \`last\` are skipped silently. A gap (\`from\` > \`last\` + 1) closes with 4400.
- After the commit, and only then, it sends \`ack\` with \`seq\` = \`last\`: cumulative, one for any number of frames. Items that it can't take are \`refused\`, in
  ascending order, each at or below \`seq\`; they count as received and must not hold back others. Split into several acks, each one's \`seq\` stays below the first refusal of the next.
  - \`invalid\`: does not fit the model, or its type was not in \`welcome.types\`. It comes again once mended.
  - \`unknown-parent\`: refers to an entity of the same or an earlier rank (\`x-rank\` in model.schema.json) that the portal does not hold. Only references to types that the
    agent sends count. It comes again once the parent was sent.
  - \`later\`: may be sent again, after \`retryAfterMs\`.
  A refused item leaves the entity as it was.
- Window: the agent has at most \`windowItems\` items and \`windowBytes\` bytes of \`changes\` frames (as they travel) sent and unacked; one frame may always be sent, however
  large. Beyond that the portal closes with 4400.`;

const commands = `
## Commands and results

- The portal stores a command before it sends it, and sends commands in the order of their issue. On each connection it MUST send once more, in order and within a minute of \`start\`, every command without
  a final result, with \`again: true\` where the agent has received it in this epoch and the \`revision\` of the last result where that is from this epoch; and it sends a command again until it is \`received\`. The
  agent knows repeated ids and executes once.
- What a restored agent has forgotten only the portal can tell. A command that was received before a restart of the agent is carried out once the portal has sent it again; one that the portal does not send within a minute of \`start\`
  is looked up in the ERP and not carried out. Where the ERP can't tell whether a command was carried out, this holds for each connection, a person decides on what is not sent, and before each try the portal must have settled a result \`executing\`.
- \`id\`: 8 to 64 characters of \`A-Z a-z 0-9 _ -\`, unique for ever; it is written into the ERP, so 20 characters are wise.
- \`values\` are the target values of the model's fields; \`base\` the values that the portal last saw of the fields it changes. A field that the ERP changed meanwhile makes a
  \`conflict\`. \`after\` names the command on the same entity that must be finished before; \`{"createdBy": id}\` stands for the entity that a command makes. Once that
  command is applied, the portal sends later commands with the entity's id in its place and without \`after\`: an agent that lost its store knows settled commands no more. Send only commands and fields that \`hello.commands\` offers.
- \`person.match\` asks which persons of the ERP fit somebody: \`values\` hold \`firstName\`, \`lastName\`, \`companyName\`, \`email\`, \`unitId\`, as far as they are known, and \`portalId\`, the portal's own id of the person. The result's \`matches\`
  name ids with reasons, and nothing else of anybody. \`link\` says that \`entity\` is the person whom the portal knows as \`portalId\`; nothing is written. Until it is linked the agent goes on looking for the person in the ERP, and tells the landlord's clerks.
- \`result\`: \`applied\`, \`rejected\`, \`conflict\` and \`expired\` are final; \`executing\`, \`uncertain\` and \`waiting\` are not, a higher \`revision\` follows. A higher revision replaces a
  lower one; a result from another epoch replaces one that is not final. \`applied\` is accepted at any time, also after \`expiresAt\`.
- The portal answers every \`result\` with \`settled\` (same id and revision) once it is durable, also when it is a repetition, an older revision, or of a command that
  it does not know (keep it). The agent repeats results until settled.
- \`seq\` of a result names the item of \`changes\` that carries the entity's new state; state itself travels only in \`changes\`.`;

const inventory = `
## Inventory and digests

The agent compares without sending: \`inventory\` asks what the portal holds of a type, deleted entities left out. Ids are compared as the bytes of their UTF-8. \`after\` is exclusive,
\`until\` inclusive. The answer repeats the question's \`id\`; \`complete\` is false when more follows after the last id named, and the agent asks again from there. The portal may cut an answer short at any
point, after at least one entry.

- Canonical JSON: object keys sorted by UTF-16 code unit at every level; no blanks; numbers and strings as ECMAScript's JSON.stringify writes them (RFC 8785).
- Entity digest: take the names of the entity's fields (without type and id; absent fields absent) sorted by UTF-16 code unit, and their values in that order. XXH64, seed 0,
  over the UTF-8 bytes of the names' canonical JSON (\`["floor","name"]\`) is the seed; XXH64 with it over the canonical JSON of each value, joined by commas (\`null,"Köln"\`), is the digest;
  on the wire 16 lowercase hex digits.
- Share of an entity: XXH64, seed 0, over \`<id>:<entity digest in hex>\`. Range digest: the sum of its entities' shares modulo 2^64, as 16 hex digits.
- Level \`ids\`: \`ids\` holds up to \`limit\` pairs [id, entity digest]. Level \`ranges\`: each range covers \`limit\` consecutive ids (the last one fewer).
- \`x-vectors\` at the end of this document holds fields with their digests and shares to check an implementation against.`;

const documents = `
## Documents: blob-request, blob, pieces, blob-ack

Entities of type \`document\` travel without their bytes; \`sizeBytes\` and \`sha256\` are there where the ERP itself keeps them. The portal asks for the bytes when it needs them.

1. \`blob-request\` names the document by its entity id, with the \`offset\` up to which the portal holds its bytes and the \`version\` that they came under (0 and none at first).
2. The agent answers \`blob\`: the size, the version, and the offset at which it begins: the one asked for if the version is still the same, else 0, and the portal drops what it has.
3. Pieces follow in order, a binary frame each: one byte \`0x02\`, one byte with the length of the request's id, the id (UTF-8), the offset (8 bytes, unsigned, big-endian), then 1 to 32,768 bytes of the document. They are
   outside of the window of \`changes\`, and sent only while no \`changes\` wait to be sent.
4. The portal says \`blob-ack\` for each piece once it is kept. At most 4 pieces are sent beyond the last \`blob-ack\`. A piece that does not begin where the last one ended, or of a request that is not under way, closes with 4400.
5. \`answer\` ends it. \`ok\` with \`blob\`: size and SHA-256 (lowercase hex) of the whole, which the portal MUST compare with what it holds, and with those of the entity where it has them; it drops what differs. \`refused\` with one of
   these reasons: \`not offered\`, \`unknown\` (no such document here), \`missing\`, \`unreadable\`, \`too-large\`, \`outside\` (not where the agent may read), \`changed\` (while it was read: ask again from 0), \`later\` (the ERP is not read now), \`busy\`
   (too many were asked for: the agent takes one after the other).
6. What was asked for and not answered when the link ended is asked for again on the next one, from what the portal then holds. Bytes whose document was deleted are dropped.`;

const liveness = `
## Other messages, heartbeats, closing

- \`status\` tells how the agent fares; the portal shows it. \`request\` asks the agent to sync or to send its status; \`answer\` carries the outcome by id. \`lookup\` and \`blob-request\`
  are answered with \`refused\` by an agent that does not offer them.
- Both ends send WebSocket pings each \`heartbeatSeconds\`. Whoever hears nothing (no frame, ping or pong) for two heartbeats closes with 4408.
- Before it closes on purpose, either end says \`bye\`, with \`retryAfterMs\` where the other should wait.
- Close codes: 4400 malformed or out of turn; 4401 not authenticated or revoked; 4406 no common version; 4408 silence; 4409 superseded by a newer
  connection (the agent stays away for 5 minutes); 4412 wrong stage; 4413 too large; 4429 slow down; 1012 the portal restarts; 1011 the other end failed.`;

/** Markdown for the AsyncAPI's description. */
export const channelRules: string = [overview, identity, frames, handshake, changes, commands, inventory, documents, liveness]
  .join("\n")
  .trim();

/** One sentence per message. */
export const messageSummaries: Readonly<Record<string, string>> = {
  hello: "First message of a connection: who the agent is, what it offers, where its outbox stands.",
  welcome: "The portal's answer to hello: versions, numbers, limits.",
  start: "Answer to welcome: the epoch that goes on; after it everything else may be sent.",
  changes: "Entities as they now are in the ERP, and deletes, as tables.",
  ack: "All items up to a number are durable; some were refused.",
  inventory: "Asks what the portal holds of a type.",
  command: "Something to be done in the ERP.",
  received: "The command is stored by the agent, in this epoch.",
  result: "The outcome of a command, final or not.",
  settled: "The result is durable at the portal.",
  "blob-request": "Wants the bytes of a document.",
  blob: "The bytes of a document are about to come, as frames of their own.",
  "blob-ack": "The bytes of a document are kept up to an offset.",
  lookup: "A table that the mapping uses.",
  request: "Asks the agent to sync, or to send its status or diagnostics.",
  answer: "Outcome of an inventory, lookup, request or blob-request, by its id.",
  status: "State of the agent and its sources.",
  bye: "The sender is about to close, and why.",
};
