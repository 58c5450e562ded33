-- A shop for songs, as generators of sample databases write it: names that need quotes, numbers, no defaults.
CREATE TABLE "Performer" ("PerformerId" INT NOT NULL, "Name" VARCHAR(120), CONSTRAINT "PK_Performer" PRIMARY KEY ("PerformerId"));
CREATE TABLE "Record" (
    "RecordId" INT NOT NULL, "Title" VARCHAR(160) NOT NULL, "PerformerId" INT NOT NULL,
    CONSTRAINT "PK_Record" PRIMARY KEY ("RecordId"));
CREATE TABLE "Clerk" (
    "ClerkId" INT NOT NULL, "LastName" VARCHAR(20) NOT NULL, "ReportsTo" INT, "BirthDate" TIMESTAMP,
    "Phone" VARCHAR(24), CONSTRAINT "PK_Clerk" PRIMARY KEY ("ClerkId"));
CREATE TABLE "Buyer" (
    "BuyerId" INT NOT NULL, "Email" VARCHAR(60) NOT NULL, "SupportRepId" INT, "Postal Code" VARCHAR(10),
    CONSTRAINT "PK_Buyer" PRIMARY KEY ("BuyerId"));
CREATE TABLE "Bill" (
    "BillId" INT NOT NULL, "BuyerId" INT NOT NULL, "BillDate" TIMESTAMP NOT NULL, "Total" NUMERIC(10,2) NOT NULL,
    CONSTRAINT "PK_Bill" PRIMARY KEY ("BillId"));
CREATE TABLE "Song" (
    "SongId" INT NOT NULL, "Name" VARCHAR(200) NOT NULL, "RecordId" INT, "Milliseconds" INT NOT NULL, "Bytes" INT,
    "UnitPrice" NUMERIC(10,2) NOT NULL, CONSTRAINT "PK_Song" PRIMARY KEY ("SongId"));
CREATE TABLE "BillLine" (
    "BillLineId" INT NOT NULL, "BillId" INT NOT NULL, "SongId" INT NOT NULL, "Quantity" INT NOT NULL,
    CONSTRAINT "PK_BillLine" PRIMARY KEY ("BillLineId"));
CREATE TABLE "List" ("ListId" INT NOT NULL, "Name" VARCHAR(120), CONSTRAINT "PK_List" PRIMARY KEY ("ListId"));
CREATE TABLE "ListSong" (
    "ListId" INT NOT NULL, "SongId" INT NOT NULL, CONSTRAINT "PK_ListSong" PRIMARY KEY ("ListId", "SongId"));
INSERT INTO "Performer" SELECT n, CASE n % 9 WHEN 0 THEN NULL ELSE 'Björk ' || n || ' "live"' END FROM generate_series(1, 40) n;
INSERT INTO "Record" SELECT n, E'It''s \\ ' || n, 1 + n % 40 FROM generate_series(1, 80) n;
INSERT INTO "Clerk" SELECT n, 'Name' || n, nullif(n / 3, 0), timestamp '1962-02-18' + n * interval '1 day' FROM generate_series(1, 8) n;
INSERT INTO "Buyer" SELECT n, 'b' || n || '@example.org', 1 + n % 8, lpad(n::text, 5, '0') FROM generate_series(1, 30) n;
INSERT INTO "Bill" SELECT n, 1 + n % 30, timestamp '2009-01-01' + n * interval '31 hours', n * 0.99 FROM generate_series(1, 60) n;
INSERT INTO "Song" SELECT n, 'Song ' || n, 1 + n % 80, n * 1000, nullif(n % 7, 0), 0.99 FROM generate_series(1, 400) n;
INSERT INTO "BillLine" SELECT n, 1 + n % 60, 1 + n % 400, 1 FROM generate_series(1, 200) n;
INSERT INTO "List" SELECT n, NULL FROM generate_series(1, 6) n;
INSERT INTO "ListSong" SELECT 1 + n % 6, n FROM generate_series(1, 300) n;
ALTER TABLE "Record" ADD CONSTRAINT "FK_RecordPerformerId"
    FOREIGN KEY ("PerformerId") REFERENCES "Performer" ("PerformerId") ON DELETE NO ACTION ON UPDATE NO ACTION;
CREATE INDEX "IFK_RecordPerformerId" ON "Record" ("PerformerId");
ALTER TABLE "Clerk" ADD CONSTRAINT "FK_ClerkReportsTo" FOREIGN KEY ("ReportsTo") REFERENCES "Clerk" ("ClerkId");
CREATE INDEX "IFK_ClerkReportsTo" ON "Clerk" ("ReportsTo");
ALTER TABLE "Buyer" ADD CONSTRAINT "FK_BuyerSupportRepId" FOREIGN KEY ("SupportRepId") REFERENCES "Clerk" ("ClerkId");
ALTER TABLE "Bill" ADD CONSTRAINT "FK_BillBuyerId" FOREIGN KEY ("BuyerId") REFERENCES "Buyer" ("BuyerId");
CREATE INDEX "IFK_BillBuyerId" ON "Bill" ("BuyerId");
ALTER TABLE "Song" ADD CONSTRAINT "FK_SongRecordId" FOREIGN KEY ("RecordId") REFERENCES "Record" ("RecordId");
ALTER TABLE "BillLine" ADD CONSTRAINT "FK_BillLineBillId" FOREIGN KEY ("BillId") REFERENCES "Bill" ("BillId");
ALTER TABLE "BillLine" ADD CONSTRAINT "FK_BillLineSongId" FOREIGN KEY ("SongId") REFERENCES "Song" ("SongId");
ALTER TABLE "ListSong" ADD CONSTRAINT "FK_ListSongListId" FOREIGN KEY ("ListId") REFERENCES "List" ("ListId");
ALTER TABLE "ListSong" ADD CONSTRAINT "FK_ListSongSongId" FOREIGN KEY ("SongId") REFERENCES "Song" ("SongId");
CREATE INDEX "IFK_ListSongSongId" ON "ListSong" ("SongId");
