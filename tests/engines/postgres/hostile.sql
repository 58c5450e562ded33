-- A database with what makes copies go wrong. Kept small: one row of everything.
CREATE SCHEMA "Mixed Case";
CREATE SCHEMA other;
CREATE TYPE other.mood AS ENUM ('sad', 'o''k', 'happy');
CREATE TYPE other.pair AS (a integer, b text);
CREATE TYPE other.moody AS (m other.mood, n integer);
CREATE DOMAIN other.positive AS numeric CHECK (VALUE > 0 OR VALUE = 'NaN');
CREATE TYPE other.span AS RANGE (subtype = numeric);
CREATE FUNCTION other.double(integer) RETURNS integer LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
COMMENT ON FUNCTION other.double(integer) IS 'with a line
\restrict that looks like a guard
-- Name: and a header; Type: TABLE';

CREATE TABLE kinds (
    id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    twice integer GENERATED ALWAYS AS (n * 2) STORED,
    n integer, f double precision, r real, num numeric, d date, ts timestamptz, i interval, t text, c char(5),
    bin bytea, j json, jb jsonb, u uuid, ip inet, bits bit varying, m money, arr integer[], texts text[],
    mood other.mood, moods other.mood[], pair other.pair, moody other.moody, pairs other.pair[],
    pos other.positive, span other.span, days daterange, many int4multirange, cls regclass, tsv tsvector, p point
);
INSERT INTO kinds (n, f, r, num, d, ts, i, t, c, bin, j, jb, u, ip, bits, m, arr, texts, mood, moods, pair, moody,
                   pairs, pos, span, days, many, cls, tsv, p) VALUES
 (1, 'NaN', '-Infinity', 'NaN', 'infinity', '-infinity', '1 year -2 days 03:04:05.6', E'tab\t\\N\n"x",(y)', 'ab',
  '\x00ff5c', '{"b": 1,  "a": 2}', '{"b": 1, "a": [null]}', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '10.0.0.1/8',
  B'10101', 12.34, '{{1,2},{3,NULL}}', '{"a,b",NULL,"","NULL"}', 'o''k', '{sad,happy}', '(1,"x,y")',
  '(happy,3)', ARRAY[ROW(1,'a')::other.pair, NULL], 'NaN', '[1.5,2.5)', '[2020-01-01,)', '{[1,3),[5,9)}', 'kinds',
  'a b:2', '(1.5,-2)'),
 (2, 1e-300, 0.1, 1.10, '0044-03-15 BC', '2020-02-29 12:00:00.123456+05:30', NULL, '', '', '', 'null', 'null', NULL,
  '::1', B'', -0.01, '{}', '{}', NULL, '{}', '(,)', '(,)', '{}', 1.0, 'empty', 'empty', '{}', NULL, '', NULL),
 (3, '-0', 3.4e38, 1.100, '5874897-12-31', '294276-12-31 23:59:59.999999+00', '0', NULL, NULL, NULL, NULL, NULL, NULL,
  NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL);
COMMENT ON TABLE kinds IS 'every kind';
COMMENT ON COLUMN kinds.n IS 'a number';

CREATE TABLE "Mixed Case"."Order" ("select" integer, "Sp ace" text, "quo""te" text DEFAULT 'q', "%s" text);
INSERT INTO "Mixed Case"."Order" SELECT i, 'v' || i, '"', '%' FROM generate_series(1, 50) i;
INSERT INTO "Mixed Case"."Order" VALUES (1, 'same', 'same', ''), (1, 'same', 'same', ''), (NULL, NULL, NULL, NULL);
CREATE INDEX "Odd Index" ON "Mixed Case"."Order" (lower("Sp ace"), "select" DESC) WHERE "select" > 3;

CREATE TABLE empty (id serial PRIMARY KEY, note text);
CREATE TABLE no_columns ();
INSERT INTO no_columns DEFAULT VALUES;
INSERT INTO no_columns DEFAULT VALUES;
CREATE TABLE only_generated (g integer GENERATED ALWAYS AS (7) STORED);
INSERT INTO only_generated DEFAULT VALUES;

CREATE TABLE husband (id integer PRIMARY KEY, wife integer NOT NULL);
CREATE TABLE wife (id integer PRIMARY KEY, husband integer NOT NULL REFERENCES husband DEFERRABLE INITIALLY DEFERRED);
ALTER TABLE husband ADD CONSTRAINT married FOREIGN KEY (wife) REFERENCES wife DEFERRABLE INITIALLY DEFERRED;
COMMENT ON CONSTRAINT married ON husband IS 'circular';
BEGIN; INSERT INTO husband VALUES (1, 1); INSERT INTO wife VALUES (1, 1); COMMIT;
CREATE TABLE tree (id integer PRIMARY KEY, parent integer REFERENCES tree);
INSERT INTO tree VALUES (1, NULL), (2, 1), (3, 2);

CREATE TABLE measured (at date NOT NULL, value integer, PRIMARY KEY (at, value)) PARTITION BY RANGE (at);
CREATE TABLE measured_2020 PARTITION OF measured FOR VALUES FROM ('2020-01-01') TO ('2021-01-01');
CREATE TABLE measured_2021 PARTITION OF measured FOR VALUES FROM ('2021-01-01') TO ('2022-01-01')
    PARTITION BY LIST (value);
CREATE TABLE measured_2021_rest PARTITION OF measured_2021 DEFAULT;
CREATE INDEX measured_value ON measured (value);
INSERT INTO measured SELECT '2020-01-01'::date + i, i FROM generate_series(0, 700) i;
CREATE TABLE measured_note (at date, value integer, FOREIGN KEY (at, value) REFERENCES measured);
INSERT INTO measured_note VALUES ('2020-01-02', 1);

CREATE TABLE animal (name text);
CREATE TABLE bird (wings integer) INHERITS (animal);
INSERT INTO animal VALUES ('cat');
INSERT INTO bird VALUES ('crow', 2);

CREATE TABLE logged (id bigint PRIMARY KEY, seen integer DEFAULT 0);
CREATE FUNCTION note_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.seen := NEW.seen + 100;
    RETURN NEW;
END $$;
INSERT INTO logged VALUES (1, 1);
CREATE TRIGGER note BEFORE INSERT OR UPDATE ON logged FOR EACH ROW EXECUTE FUNCTION note_it();
CREATE TRIGGER note_always BEFORE INSERT ON logged FOR EACH ROW EXECUTE FUNCTION note_it();
ALTER TABLE logged ENABLE ALWAYS TRIGGER note_always;
CREATE TRIGGER note_off BEFORE INSERT ON logged FOR EACH ROW EXECUTE FUNCTION note_it();
ALTER TABLE logged DISABLE TRIGGER note_off;
CREATE RULE no_delete AS ON DELETE TO logged DO INSTEAD NOTHING;
ALTER TABLE logged REPLICA IDENTITY FULL;

CREATE TABLE guarded (id integer PRIMARY KEY, owner text);
INSERT INTO guarded VALUES (1, 'a'), (2, 'b');
ALTER TABLE guarded ENABLE ROW LEVEL SECURITY;
CREATE POLICY mine ON guarded FOR SELECT USING (owner = current_user);

CREATE TABLE booking (room integer, during int4range, EXCLUDE USING gist (during WITH &&));
INSERT INTO booking VALUES (1, '[1,5)'), (2, '[5,9)');
CLUSTER booking USING booking_during_excl;
ALTER TABLE booking ADD CONSTRAINT roomy CHECK (room > 0) NOT VALID;
CREATE STATISTICS booked (dependencies) ON room, during FROM booking;

-- Depends on a primary key, so that pg_dump makes a stand-in first.
CREATE VIEW tree_names AS SELECT t.id, t.parent, count(*) AS n FROM tree t GROUP BY t.id;
CREATE VIEW moods AS SELECT id, mood FROM kinds WHERE mood = 'sad';
CREATE MATERIALIZED VIEW totals AS SELECT count(*) AS n FROM "Mixed Case"."Order";
CREATE UNIQUE INDEX totals_n ON totals (n);
CREATE MATERIALIZED VIEW not_filled AS SELECT 1 AS one WITH NO DATA;
CREATE SEQUENCE other.down INCREMENT -5 MAXVALUE 100 START 100;
SELECT nextval('other.down'), nextval('other.down');
CREATE SEQUENCE other.untouched START 42;
CREATE UNLOGGED TABLE fleeting (v text);
INSERT INTO fleeting VALUES (repeat('long ', 100000));
