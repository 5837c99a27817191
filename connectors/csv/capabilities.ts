import { type Capabilities, compareMethod } from "../capabilities.ts";

export const csvCapabilities: Capabilities = {
  title: "CSV folders",
  changes: [
    {
      method: "column FUSER_CHANGE",
      sees: { inserts: true, updates: true, deletes: false },
      latency: "the poll's interval, once the file has settled",
      rights: "renaming in the folder",
    },
    compareMethod,
  ],
  writes: [],
  idempotency: [],
  unsupported: ["write", "call", "feed"],
  verified: [
    { product: "Files in a folder of Linux", by: "contract suite" },
    { product: "Files on an SFTP server (OpenSSH)", by: "contract suite" },
    { product: "Files on Windows and on shares (UNC)", by: "not verified" },
  ],
};
