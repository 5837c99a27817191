import { expect, it } from "vitest";
import { keptMoment } from "../../../../connectors/mssql/kept-moment.ts";
import { nativeType } from "../../../../connectors/mssql/types.ts";

it.each([
  // learn.microsoft.com, "datetime (Transact-SQL)", rounding of fractional second precision.
  ["datetime", "1998-01-01T23:59:59.999", "1998-01-02T00:00:00"],
  ["datetime", "1998-01-01T23:59:59.995", "1998-01-01T23:59:59.997"],
  ["datetime", "1998-01-01T23:59:59.994", "1998-01-01T23:59:59.993"],
  ["datetime", "1998-01-01T23:59:59.991", "1998-01-01T23:59:59.99"],
  ["datetime", "2026-10-25 02:30:00.1234567", "2026-10-25T02:30:00.123"],
  // learn.microsoft.com, "smalldatetime (Transact-SQL)".
  ["smalldatetime", "2007-05-09T12:35:29.998", "2007-05-09T12:35:00"],
  ["smalldatetime", "2007-05-09T23:59:29.999", "2007-05-10T00:00:00"],
  ["datetime2(3)", "2026-12-31T23:59:59.9995", "2027-01-01T00:00:00"],
  ["datetime2(7)", "2026-01-01T00:00:00.1234567", "2026-01-01T00:00:00.1234567"],
  ["datetimeoffset(0)", "2026-01-01T00:00:00.5Z", "2026-01-01T00:00:01Z"],
  ["datetime", "2026-02-30T00:00:00", "2026-02-30T00:00:00"],
  ["nvarchar(40)", "1998-01-01T23:59:59.999", "1998-01-01T23:59:59.999"],
])("a column of %s keeps %s as %s", (type, value, kept) => {
  expect(keptMoment(value, nativeType(type))).toBe(kept);
});
