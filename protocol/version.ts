/** Version of the wire protocol, offered in `hello` and chosen in `welcome`; test/unit/protocol pins the schemas' hash to it. */
export const protocolVersion = 1;
/** Version of the portal's model. */
export const modelVersion = 1;
/** WebSocket subprotocol of the channel. */
export const subprotocol = "fuser.v1";
