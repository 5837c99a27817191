/** Certificates for tests, made by the openssl command: a root of our own and server certificates under it. */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface ServerCertificate {
  key: string;
  cert: string;
}

export interface Authority extends Disposable {
  /** PEM file of the root. */
  caFile: string;
  /** A certificate for `subjectAltName`; `expired`: its time ended in 2020. */
  issue(subjectAltName: string, options?: { expired?: boolean }): ServerCertificate;
}

const ec = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];

export function authority(name: string): Authority {
  const folder = mkdtempSync(join(tmpdir(), "erpfuser-ca-"));
  const at = (file: string): string => join(folder, file);
  const openssl = (...args: string[]): void => void execFileSync("openssl", args, { stdio: "pipe", cwd: folder });
  openssl(
    "req",
    "-x509",
    ...ec,
    "-keyout",
    at("ca.key"),
    "-out",
    at("ca.pem"),
    "-days",
    "2",
    "-subj",
    `/CN=${name}/O=${name} Ltd`,
  );
  let serial = 0;
  return {
    caFile: at("ca.pem"),
    issue(subjectAltName, { expired = false } = {}) {
      serial += 1;
      const [key, csr, cert] = [at(`${serial}.key`), at(`${serial}.csr`), at(`${serial}.pem`)];
      openssl("req", "-new", ...ec, "-keyout", key, "-out", csr, "-subj", "/CN=portal.test");
      writeFileSync(at("index.txt"), "");
      writeFileSync(at("serial"), String(serial).padStart(2, "0"));
      writeFileSync(
        at("ca.cnf"),
        `[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=.\ndefault_md=sha256\npolicy=p\n[p]\ncommonName=supplied\n[x]\nsubjectAltName=${subjectAltName}\n`,
      );
      const time = expired ? ["-startdate", "20190101000000Z", "-enddate", "20200101000000Z"] : ["-days", "2"];
      openssl(
        "ca",
        "-batch",
        "-config",
        at("ca.cnf"),
        "-extensions",
        "x",
        "-cert",
        at("ca.pem"),
        "-keyfile",
        at("ca.key"),
        ...["-in", csr, "-out", cert, "-notext"],
        ...time,
      );
      return { key: readFileSync(key, "utf8"), cert: readFileSync(cert, "utf8") };
    },
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}
