/** Small disks for tests, mounted by root: one that fills up, and one that fails under whoever writes. */
import { execFileSync } from "node:child_process";
import { rmSync, statfsSync, truncateSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { tempDirectory } from "./servers.ts";

/** Whether this process may mount disks. */
export const mayMount = process.getuid?.() === 0 && process.platform === "linux";

export interface Disk extends AsyncDisposable {
  readonly path: string;
}

/** An empty disk of this size, such as `32m`, in memory. */
export async function smallDisk(size: string): Promise<Disk> {
  const folder = await tempDirectory();
  execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size},mode=700`, "tmpfs", folder.path]);
  return {
    path: folder.path,
    async [Symbol.asyncDispose]() {
      execFileSync("umount", [folder.path]);
      await folder[Symbol.asyncDispose]();
    },
  };
}

/**
 * Fills the disk of an SQLite store that a process has open, so that its next commit finds no room. The log is folded back and cut to nothing before:
 * else commits would go on in the room that it has taken, for as long as that lasts.
 */
export function fillUnder(store: string): void {
  using sqlite = new DatabaseSync(store, { timeout: 10_000 });
  const folded = sqlite.prepare("PRAGMA wal_checkpoint(TRUNCATE)").get();
  if (folded?.busy !== 0) throw new Error(`the log of ${store} is in use`);
  fill(dirname(store));
}

/** Takes all that is left of the disk, also where another process takes some of it meanwhile. */
export function fill(place: string): void {
  const { bavail, bsize } = statfsSync(place);
  try {
    writeFileSync(join(place, "ballast"), Buffer.alloc(bavail * bsize));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOSPC") throw error;
  }
}

export function empty(place: string): void {
  rmSync(join(place, "ballast"));
}

export interface FailingDisk extends Disk {
  /** From now on nothing more is written, as the kernel has it after an error of the device: programs keep their files open, and get EROFS. */
  turnReadOnly(): void;
  /** Checked and mounted again; nobody may have a file open on it. */
  mend(): void;
}

/** A disk with a file system of its own in a file. */
export async function failingDisk(): Promise<FailingDisk> {
  const folder = await tempDirectory();
  const home = await tempDirectory();
  const image = join(home.path, "image");
  writeFileSync(image, "");
  truncateSync(image, 48 * 1_048_576);
  execFileSync("mkfs.ext4", ["-q", image]);
  const mount = (): Buffer => execFileSync("mount", ["-o", "loop,errors=remount-ro", image, folder.path]);
  mount();
  rmSync(join(folder.path, "lost+found"), { recursive: true });
  return {
    path: folder.path,
    turnReadOnly: () => void execFileSync("mount", ["-o", "remount,abort", folder.path]),
    mend() {
      execFileSync("umount", [folder.path]);
      try {
        execFileSync("e2fsck", ["-fy", image], { stdio: "pipe" });
      } catch (error) {
        // 1: errors were corrected.
        if ((error as { status?: number }).status !== 1) throw error;
      }
      mount();
    },
    async [Symbol.asyncDispose]() {
      execFileSync("umount", [folder.path]);
      for (const one of [folder, home]) await one[Symbol.asyncDispose]();
    },
  };
}
