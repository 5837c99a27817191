/** The place into which the ERP writes its files: a folder of this machine, a share, or a folder of an SFTP server. Types only. */

export interface DropFile {
  name: string;
  bytes: number;
  /** Time of the last change, as the place's own clock tells it. */
  modifiedMs: number;
}

/** A file whose bytes can be read from a local path, until it is disposed. */
export interface FetchedFile extends AsyncDisposable {
  path: string;
  /** Whether it still is there as it was listed. */
  unchanged(): Promise<boolean>;
}

export type Shelf = "archive" | "reject";

/** What is thrown is a FuserError where the place is to blame. */
export interface Drop extends AsyncDisposable {
  /** For people, and the identity of the database: never with credentials. */
  readonly place: string;
  /** Plain files of the folder itself. @throws FuserError also where the marker is not the right one */
  list(signal: AbortSignal): Promise<DropFile[]>;
  fetch(file: DropFile, signal: AbortSignal): Promise<FetchedFile>;
  /** An archived file by the name that `shelve` gave; undefined where it is no longer there. */
  fetchArchived(name: string, signal: AbortSignal): Promise<FetchedFile | undefined>;
  /**
   * Moves a file off the folder, if it still is the one that was listed.
   * @returns its name there; undefined where another file of that name has come, which stays
   */
  shelve(file: DropFile, shelf: Shelf): Promise<string | undefined>;
  /** Whether a file may be read. */
  readable(file: DropFile): Promise<boolean>;
  /**
   * Looks at a file that was shelved: one that was written on since goes back, without the text beside it.
   * @returns `gone` also where a new file of that name is in the folder
   */
  takeBack(file: DropFile, shelf: Shelf, name: string): Promise<"as-it-was" | "back" | "gone">;
  /** Writes a text beside what was shelved. */
  explain(name: string, text: string): Promise<void>;
  /** Removes archived files by the name that `shelve` gave; those that are gone already count as removed. */
  discard(names: readonly string[]): Promise<void>;
  /** Number of files in the reject folder, texts beside them not counted. */
  rejected(): Promise<number>;
  /** Whether files can be moved to a shelf; throws what stands in the way. Leaves nothing behind. */
  tryShelf(shelf: Shelf): Promise<void>;
  /** What the account may beside what it needs, as lines with their remedy. @param files those that tables read */
  excess(files: readonly DropFile[]): Promise<readonly string[]>;
}
