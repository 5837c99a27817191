import { expect, test } from "vitest";
import { isWithin, pathBelow } from "../../../../agent/documents/paths.ts";

test.each([
  ["2024/07/a.pdf", "/srv/archiv/2024/07/a.pdf"],
  ["2024\\07\\a.pdf", "/srv/archiv/2024/07/a.pdf"],
  ["./2024//07/./a.pdf", "/srv/archiv/2024/07/a.pdf"],
  ["/srv/archiv/2024/a.pdf", "/srv/archiv/2024/a.pdf"],
  ["\\srv\\archiv\\a.pdf", "/srv/archiv/a.pdf"],
  ["..hidden/a..pdf", "/srv/archiv/..hidden/a..pdf"],
  ["Übergabe Müller.pdf", "/srv/archiv/Übergabe Müller.pdf"],
])("On Linux %j lies below the root", (told, path) => {
  expect(pathBelow("/srv/archiv/", told, "posix")).toBe(path);
});

test.each([
  ["../secret", "up"],
  ["2024/../../secret", "up, later"],
  ["2024\\..\\..\\secret", "up, with the other separator"],
  ["/etc/passwd", "another absolute path"],
  ["/srv/archive/a.pdf", "a folder whose name begins alike"],
  ["/srv/archiv/../secret", "the root, and up again"],
  ["/srv/ARCHIV/a.pdf", "another folder where case counts"],
  ["C:\\archiv\\a.pdf", "a drive"],
  ["\\\\server\\share\\a.pdf", "a share"],
  ["//server/share/a.pdf", "a share"],
  ["", "nothing"],
  [".", "the root itself"],
  ["/srv/archiv/", "the root itself"],
  ["a\0.pdf", "a name that ends early"],
])("On Linux %j is refused: %s", (told) => {
  expect(pathBelow("/srv/archiv", told, "posix")).toBeUndefined();
});

test.each([
  ["2024\\07\\a.pdf", "D:\\Archiv\\2024\\07\\a.pdf"],
  ["2024/07/a.pdf", "D:\\Archiv\\2024\\07\\a.pdf"],
  ["d:\\ARCHIV\\2024\\A.pdf", "D:\\Archiv\\2024\\A.pdf"],
  ["D:/archiv/2024/a.pdf", "D:\\Archiv\\2024\\a.pdf"],
  ["Übergabe Müller.pdf", "D:\\Archiv\\Übergabe Müller.pdf"],
  ["console.pdf", "D:\\Archiv\\console.pdf"],
])("On Windows %j lies below the root", (told, path) => {
  expect(pathBelow("D:\\Archiv", told, "win32")).toBe(path);
});

test("On Windows a share may be the root, and is told as one whatever its case", () => {
  expect(pathBelow("\\\\erp01\\dms\\", "\\\\ERP01\\DMS\\2024\\a.pdf", "win32")).toBe("\\\\erp01\\dms\\2024\\a.pdf");
  expect(pathBelow("\\\\erp01\\dms", "//erp01/dms/a.pdf", "win32")).toBe("\\\\erp01\\dms\\a.pdf");
  expect(pathBelow("\\\\erp01\\dms", "\\\\erp01\\dmsx\\a.pdf", "win32")).toBeUndefined();
  expect(pathBelow("\\\\erp01\\dms", "\\\\erp02\\dms\\a.pdf", "win32")).toBeUndefined();
});

test.each([
  ["..\\secret", "up"],
  [".. \\secret", "up: Windows drops the blank"],
  ["...\\secret", "up: Windows drops dots at the end"],
  ["a.\\b.pdf", "a folder by another name"],
  ["a.pdf ", "a file by another name"],
  ["E:\\Archiv\\a.pdf", "another drive"],
  ["D:a.pdf", "the drive's own folder of the moment"],
  ["\\Archiv\\a.pdf", "the root of whichever drive"],
  ["\\\\?\\D:\\Archiv\\a.pdf", "a path that is not read as one"],
  ["\\\\.\\PhysicalDrive0", "a device"],
  ["\\\\server\\share\\a.pdf", "a share"],
  ["a.pdf:stream", "a stream within a file"],
  ["C:secret", "a drive"],
  ["x\\C:\\secret", "a drive"],
  ["CON", "a device"],
  ["2024\\nul.pdf", "a device"],
  ["com1 .pdf", "a device"],
  ["LPT¹", "a device"],
  ["a*.pdf", "a pattern"],
  ["a?.pdf", "a pattern"],
  ["a\u0001.pdf", "a character that no name has"],
  ["GLOBAL~1\\..\\..\\x", "up, behind a short name"],
])("On Windows %j is refused: %s", (told) => {
  expect(pathBelow("D:\\Archiv", told, "win32")).toBeUndefined();
});

test("What a link leads to lies within the root or it does not, by whole names", () => {
  expect(isWithin("/srv/archiv", "/srv/archiv/a", "posix")).toBe(true);
  expect(isWithin("/srv/archiv", "/srv/archiv/..a", "posix")).toBe(true);
  expect(isWithin("/srv/archiv", "/srv/archiv", "posix")).toBe(false);
  expect(isWithin("/srv/archiv", "/srv/archive/a", "posix")).toBe(false);
  expect(isWithin("/srv/archiv", "/srv/ARCHIV/a", "posix")).toBe(false);
  expect(isWithin("D:\\Archiv", "d:\\ARCHIV\\a", "win32")).toBe(true);
  expect(isWithin("D:\\Archiv", "E:\\Archiv\\a", "win32")).toBe(false);
  expect(isWithin("D:\\Archiv", "\\\\server\\Archiv\\a", "win32")).toBe(false);
});
