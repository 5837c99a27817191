import type { GoldenDialect } from "./golden.ts";

export const goldenMssql: GoldenDialect = {
  types: {
    decimal38: "DECIMAL(38,10)",
    decimal10: "DECIMAL(10,2)",
    integer: "BIGINT",
    float: "FLOAT",
    boolean: "BIT",
    date: "DATE",
    datetime: "DATETIME2(6)",
    instant: "DATETIMEOFFSET(6)",
    time: "TIME(6)",
    char: "CHAR(10)",
    text: "NVARCHAR(200)",
    cp1252: "VARCHAR(60) COLLATE Latin1_General_CI_AS",
    longText: "NVARCHAR(MAX)",
    bytes: "VARBINARY(300)",
  },
  lacks: {},
  notByKey: {},
  bound: (kind) => (kind === "bytes" ? "CAST(? AS varbinary(300))" : "?"),
  plain: (kind) => {
    if (kind === "bytes") return "CONVERT(varchar(700), v, 2)";
    return kind === "decimal38" || kind === "datetime" || kind === "instant" || kind === "time" ? "CONVERT(varchar(60), v)" : "v";
  },
  own: [
    { type: "DECIMAL(15,3)", stored: "123456789012.345", value: "123456789012.345" },
    { type: "MONEY", stored: "922337203685477.5807", value: "922337203685477.5807" },
    { type: "SMALLMONEY", stored: "-214748.3648", value: "-214748.3648" },
    { type: "TINYINT", stored: "255", value: 255 },
    { type: "SMALLINT", stored: "-32768", value: -32768 },
    { type: "REAL", stored: "1.1", value: 1.1 },
    { type: "DATETIME", stored: "'2026-10-25T02:30:00.007'", value: "2026-10-25T02:30:00.007" },
    { type: "DATETIME", stored: "'1753-01-01T00:00:00'", value: "1753-01-01T00:00:00" },
    { type: "SMALLDATETIME", stored: "'2026-03-29T02:30:00'", value: "2026-03-29T02:30:00" },
    { type: "DATETIME2(7)", stored: "'2026-10-25T02:30:00.1234567'", value: "2026-10-25T02:30:00.1234567" },
    { type: "DATETIMEOFFSET(7)", stored: "'2026-03-29T03:30:00.5+02:00'", value: "2026-03-29T01:30:00.5Z" },
    { type: "TIME(7)", stored: "'23:59:59.9999999'", value: "23:59:59.9999999" },
    { type: "NCHAR(10)", stored: "N'Ä🏠'", value: "Ä🏠" },
    { type: "VARCHAR(MAX)", stored: "'Müßig – €'", value: "Müßig – €" },
    { type: "UNIQUEIDENTIFIER", stored: "'123e4567-e89b-12d3-a456-426614174000'", value: "123E4567-E89B-12D3-A456-426614174000" },
    { type: "BINARY(4)", stored: "0x00FF27", value: new Uint8Array([0, 255, 39, 0]) },
    { type: "VARBINARY(MAX)", stored: "0x", value: new Uint8Array([]) },
  ],
};
