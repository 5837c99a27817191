-- Tables in the shape of Dynamics NAV's, our own words: the columns that config/presets/nav.yaml uses, and a few more that no row may leave NULL.
CREATE TABLE [CRONUS International Ltd_$Customer] (
  [timestamp] ROWVERSION,
  [No_] NVARCHAR(20) NOT NULL,
  [Name] NVARCHAR(50) NOT NULL,
  [Address] NVARCHAR(50) NOT NULL,
  [City] NVARCHAR(30) NOT NULL,
  [Post Code] NVARCHAR(20) NOT NULL,
  [Phone No_] NVARCHAR(30) NOT NULL,
  [E-Mail] NVARCHAR(80) NOT NULL,
  [Partner Type] INT NOT NULL,
  [Blocked] INT NOT NULL,
  PRIMARY KEY ([No_])
);
CREATE TABLE [CRONUS International Ltd_$Vendor] (
  [timestamp] ROWVERSION,
  [No_] NVARCHAR(20) NOT NULL,
  [Name] NVARCHAR(50) NOT NULL,
  [Address] NVARCHAR(50) NOT NULL,
  [City] NVARCHAR(30) NOT NULL,
  [Post Code] NVARCHAR(20) NOT NULL,
  [Phone No_] NVARCHAR(30) NOT NULL,
  [E-Mail] NVARCHAR(80) NOT NULL,
  PRIMARY KEY ([No_])
);
CREATE TABLE [CRONUS International Ltd_$Salesperson_Purchaser] (
  [timestamp] ROWVERSION,
  [Code] NVARCHAR(10) NOT NULL,
  [Name] NVARCHAR(50) NOT NULL,
  [E-Mail] NVARCHAR(80) NOT NULL,
  PRIMARY KEY ([Code])
);
CREATE TABLE [CRONUS International Ltd_$Service Order Type] (
  [timestamp] ROWVERSION,
  [Code] NVARCHAR(10) NOT NULL,
  [Description] NVARCHAR(50) NOT NULL,
  PRIMARY KEY ([Code])
);
CREATE TABLE [CRONUS International Ltd_$Service Item] (
  [timestamp] ROWVERSION,
  [No_] NVARCHAR(20) NOT NULL,
  [Description] NVARCHAR(50) NOT NULL,
  [Installation Date] DATETIME NOT NULL,
  PRIMARY KEY ([No_])
);
CREATE TABLE [CRONUS International Ltd_$Service Header] (
  [timestamp] ROWVERSION,
  [Document Type] INT NOT NULL,
  [No_] NVARCHAR(20) NOT NULL,
  [Customer No_] NVARCHAR(20) NOT NULL,
  [Bill-to Customer No_] NVARCHAR(20) NOT NULL,
  [Your Reference] NVARCHAR(35) NOT NULL,
  [Description] NVARCHAR(50) NOT NULL,
  [Service Order Type] NVARCHAR(10) NOT NULL,
  [Status] INT NOT NULL,
  [Priority] INT NOT NULL,
  [Salesperson Code] NVARCHAR(10) NOT NULL,
  [Currency Factor] DECIMAL(38,20) NOT NULL,
  [Tax Area Code] NVARCHAR(20) NOT NULL,
  [Notify Customer] TINYINT NOT NULL,
  [Order Date] DATETIME NOT NULL,
  [Order Time] DATETIME NOT NULL,
  [Posting Date] DATETIME NOT NULL,
  [Document Date] DATETIME NOT NULL,
  [Due Date] DATETIME NOT NULL,
  [Response Date] DATETIME NOT NULL,
  [Response Time] DATETIME NOT NULL,
  [Starting Date] DATETIME NOT NULL,
  [Starting Time] DATETIME NOT NULL,
  [Finishing Date] DATETIME NOT NULL,
  [Finishing Time] DATETIME NOT NULL,
  [Expected Finishing Date] DATETIME NOT NULL,
  PRIMARY KEY ([Document Type], [No_])
);
CREATE TABLE [CRONUS International Ltd_$Service Comment Line] (
  [timestamp] ROWVERSION,
  [Table Name] INT NOT NULL,
  [Table Subtype] INT NOT NULL,
  [No_] NVARCHAR(20) NOT NULL,
  [Type] INT NOT NULL,
  [Table Line No_] INT NOT NULL,
  [Line No_] INT NOT NULL,
  [Comment] NVARCHAR(80) NOT NULL,
  [Date] DATETIME NOT NULL,
  PRIMARY KEY ([Table Name], [Table Subtype], [No_], [Type], [Table Line No_], [Line No_])
);
CREATE TABLE [CRONUS International Ltd_$Sales Invoice Header] (
  [timestamp] ROWVERSION,
  [No_] NVARCHAR(20) NOT NULL,
  [Bill-to Customer No_] NVARCHAR(20) NOT NULL,
  [Posting Date] DATETIME NOT NULL,
  [Due Date] DATETIME NOT NULL,
  [Currency Code] NVARCHAR(10) NOT NULL,
  PRIMARY KEY ([No_])
);
CREATE TABLE [CRONUS International Ltd_$Sales Invoice Line] (
  [timestamp] ROWVERSION,
  [Document No_] NVARCHAR(20) NOT NULL,
  [Line No_] INT NOT NULL,
  [Amount Including VAT] DECIMAL(38,20) NOT NULL,
  PRIMARY KEY ([Document No_], [Line No_])
);
INSERT INTO [CRONUS International Ltd_$Customer] ([No_], [Name], [Address], [City], [Post Code], [Phone No_], [E-Mail], [Partner Type], [Blocked]) VALUES (N'C0001', N'Wohnbau eG', N'', N'Köln', N'50667', N'', N'Info@Wohnbau.example', 1, 0);
INSERT INTO [CRONUS International Ltd_$Customer] ([No_], [Name], [Address], [City], [Post Code], [Phone No_], [E-Mail], [Partner Type], [Blocked]) VALUES (N'C0002', N'Änne Müller', N'Markt 4', N'', N'', N'0221 4', N'', 2, 0);
INSERT INTO [CRONUS International Ltd_$Vendor] ([No_], [Name], [Address], [City], [Post Code], [Phone No_], [E-Mail]) VALUES (N'V1', N'Rohr GmbH', N'', N'', N'', N'', N'');
INSERT INTO [CRONUS International Ltd_$Salesperson_Purchaser] ([Code], [Name], [E-Mail]) VALUES (N'HW', N'Hans Wart', N'');
INSERT INTO [CRONUS International Ltd_$Service Order Type] ([Code], [Description]) VALUES (N'HEAT', N'Heating');
INSERT INTO [CRONUS International Ltd_$Service Item] ([No_], [Description], [Installation Date]) VALUES (N'SI1', N'Boiler', '1753-01-01T00:00:00');
INSERT INTO [CRONUS International Ltd_$Service Item] ([No_], [Description], [Installation Date]) VALUES (N'SI2', N'Lift', '2020-05-01T00:00:00');
INSERT INTO [CRONUS International Ltd_$Service Header] ([Document Type], [No_], [Customer No_], [Bill-to Customer No_], [Your Reference], [Description], [Service Order Type], [Status], [Priority], [Salesperson Code], [Currency Factor], [Tax Area Code], [Notify Customer], [Order Date], [Order Time], [Posting Date], [Document Date], [Due Date], [Response Date], [Response Time], [Starting Date], [Starting Time], [Finishing Date], [Finishing Time], [Expected Finishing Date]) VALUES (1, N'SVO000007', N'C0002', N'C0002', N'', N'Lift stands', N'', 1, 2, N'HW', 0, N'', 0, '2026-07-15T00:00:00', '1754-01-01T09:30:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00');
INSERT INTO [CRONUS International Ltd_$Service Header] ([Document Type], [No_], [Customer No_], [Bill-to Customer No_], [Your Reference], [Description], [Service Order Type], [Status], [Priority], [Salesperson Code], [Currency Factor], [Tax Area Code], [Notify Customer], [Order Date], [Order Time], [Posting Date], [Document Date], [Due Date], [Response Date], [Response Time], [Starting Date], [Starting Time], [Finishing Date], [Finishing Time], [Expected Finishing Date]) VALUES (0, N'SVQ000001', N'C0002', N'C0002', N'', N'An offer', N'', 0, 2, N'HW', 0, N'', 0, '2026-07-15T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00');
INSERT INTO [CRONUS International Ltd_$Service Header] ([Document Type], [No_], [Customer No_], [Bill-to Customer No_], [Your Reference], [Description], [Service Order Type], [Status], [Priority], [Salesperson Code], [Currency Factor], [Tax Area Code], [Notify Customer], [Order Date], [Order Time], [Posting Date], [Document Date], [Due Date], [Response Date], [Response Time], [Starting Date], [Starting Time], [Finishing Date], [Finishing Time], [Expected Finishing Date]) VALUES (1, N'PT000041', N'C0001', N'C0001', N'', N'Earlier', N'', 0, 2, N'HW', 0, N'', 0, '2026-01-15T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00', '1753-01-01T00:00:00');
INSERT INTO [CRONUS International Ltd_$Service Comment Line] ([Table Name], [Table Subtype], [No_], [Type], [Table Line No_], [Line No_], [Comment], [Date]) VALUES (1, 1, N'SVO000007', 0, 0, 10000, N'Since this', '2026-07-15T00:00:00');
INSERT INTO [CRONUS International Ltd_$Service Comment Line] ([Table Name], [Table Subtype], [No_], [Type], [Table Line No_], [Line No_], [Comment], [Date]) VALUES (1, 1, N'SVO000007', 0, 0, 20000, N'morning', '1753-01-01T00:00:00');
INSERT INTO [CRONUS International Ltd_$Service Comment Line] ([Table Name], [Table Subtype], [No_], [Type], [Table Line No_], [Line No_], [Comment], [Date]) VALUES (1, 1, N'SVO000007', 1, 0, 10000, N'not this', '1753-01-01T00:00:00');
INSERT INTO [CRONUS International Ltd_$Sales Invoice Header] ([No_], [Bill-to Customer No_], [Posting Date], [Due Date], [Currency Code]) VALUES (N'INV1', N'C0001', '2026-02-01T00:00:00', '1753-01-01T00:00:00', N'');
INSERT INTO [CRONUS International Ltd_$Sales Invoice Header] ([No_], [Bill-to Customer No_], [Posting Date], [Due Date], [Currency Code]) VALUES (N'INV2', N'C0001', '2026-02-01T00:00:00', '1753-01-01T00:00:00', N'USD');
INSERT INTO [CRONUS International Ltd_$Sales Invoice Line] ([Document No_], [Line No_], [Amount Including VAT]) VALUES (N'INV1', 10000, 119.00000000000000000000);
INSERT INTO [CRONUS International Ltd_$Sales Invoice Line] ([Document No_], [Line No_], [Amount Including VAT]) VALUES (N'INV1', 20000, 0.49500000000000000000);
