-- Every type that a column can have, at the ends of its range; NULLs; values of several MB.
SET client_min_messages = warning;
CREATE SCHEMA types;
CREATE TYPE types.colour AS ENUM ('red', 'green', 'it''s', 'with, comma', 'ünïcode', '');
ALTER TYPE types.colour ADD VALUE 'before red' BEFORE 'red';
CREATE TYPE types.inner_pair AS (c types.colour, n numeric(10, 2), "Odd ""name" text);
CREATE TYPE types.outer_pair AS (p types.inner_pair, ps types.inner_pair[], d date[]);
ALTER TYPE types.outer_pair ADD ATTRIBUTE gone int;
ALTER TYPE types.outer_pair DROP ATTRIBUTE gone;
CREATE DOMAIN types.percentage AS int DEFAULT 50 CONSTRAINT low CHECK (VALUE >= 0) CONSTRAINT high CHECK (VALUE <= 100);
CREATE DOMAIN types.half AS types.percentage CHECK (VALUE <= 50);
CREATE DOMAIN types.names AS text[] CHECK (array_length(VALUE, 1) > 0);
CREATE DOMAIN types.pair AS types.inner_pair CHECK (VALUE IS NULL OR (VALUE).n IS NOT NULL);
CREATE DOMAIN types.must AS text NOT NULL;
CREATE DOMAIN types.c_text AS text COLLATE "C";
CREATE FUNCTION types.colour_distance(a types.colour, b types.colour) RETURNS float8 LANGUAGE sql IMMUTABLE AS 'SELECT 1.0::float8';
CREATE TYPE types.colours AS RANGE (subtype = types.colour, multirange_type_name = types.many_colours);
CREATE TYPE types.percents AS RANGE (subtype = types.percentage);
CREATE DOMAIN types.span AS types.colours CHECK (NOT isempty(VALUE));
CREATE TYPE types.nothing AS ();
CREATE TYPE types.no_labels AS ENUM ();

CREATE TABLE types.row_type (a int, b text);
CREATE TABLE types.plain (
    id int PRIMARY KEY, b bool, ch "char", na name, i2 smallint, i4 int, i8 bigint, f4 real, f8 double precision,
    num numeric, n2 numeric(20, 5), mo money, c5 char(5), v5 varchar(5), tx text, by bytea,
    d date, t time, tz timetz, ts timestamp, tsz timestamptz, iv interval, t0 timestamp(0), iy interval year to month,
    inet inet, cidr cidr, mac macaddr, mac8 macaddr8, bit7 bit(7), vb bit varying(20), uid uuid,
    js json, jb jsonb, jp jsonpath, tv tsvector, tq tsquery,
    pt point, li line, ls lseg, bx box, pa path, po polygon, ci circle,
    o oid, x xid, x8 xid8, cd cid, td tid, lsn pg_lsn, snap pg_snapshot, tsnap txid_snapshot, rc refcursor,
    i2v int2vector, ov oidvector, acl aclitem,
    r_class regclass, r_type regtype, r_proc regproc, r_procedure regprocedure, r_oper regoper,
    r_operator regoperator, r_role regrole, r_ns regnamespace, r_conf regconfig, r_dict regdictionary, r_coll regcollation,
    r4 int4range, r8 int8range, rn numrange, rt tsrange, rz tstzrange, rd daterange,
    m4 int4multirange, m8 int8multirange, mn nummultirange, mt tsmultirange, mz tstzmultirange, md datemultirange
);
INSERT INTO types.plain VALUES
 (1, true, 'x', 'a name', -32768, -2147483648, -9223372036854775808, '-Infinity', 'NaN', 'NaN', 0.00001, '-92233720368547758.08',
  'a', '    x', E'\\N', '\x', '-infinity', '00:00', '24:00:00+14', '-infinity', 'infinity', '-178000000 years', '1999-12-31 23:59:59.6',
  '3 years 11 mons', '::ffff:1.2.3.4/128', '10.1.0.0/16', '08:00:2b:01:02:03', '08:00:2b:01:02:03:04:05', '1010101', '',
  '00000000-0000-0000-0000-000000000000', '{"a":1, "a": 2 , "b":"\u0041"}', '{"a": [1, null, 1.00, 1e400, "é"]}', '$.a[*] ? (@ > 2)',
  '''quo''''te'':1A,2B back\\slash:3', '!a & (b <-> c:*A)', '(NaN,Infinity)', '{1,-1,0}', '[(0,0),(1,1)]', '(2,2),(0,0)', '[(0,0),(1,1)]',
  '((0,0),(1,1),(2,0))', '<(0,0),1e-300>', 4294967295, '4294967295', '18446744073709551615', '0', '(4294967295,65535)', 'FFFFFFFF/FFFFFFFF',
  '10:20:10,14,15', '10:20:10,14,15', 'cursor', '1 -2 3', '1 4294967295', 'postgres=r*w/postgres',
  'types.plain', 'types.colour[]', 'types.colour_distance', 'types.colour_distance(types.colour,types.colour)', 'pg_catalog.||/',
  'pg_catalog.+(integer,integer)', 'postgres', 'types', 'pg_catalog.simple', 'pg_catalog.simple', '"C"',
  '(,)', '[-9223372036854775808,9223372036854775807)', '(,NaN]', '[-infinity,infinity]', 'empty', '[4713-01-01 BC,infinity)',
  '{}', '{(,1),[5,6)}', '{[1.5,2),(3,)}', '{}', '{[2020-01-01,2021-01-01)}', '{(,)}'),
 (2, false, '', '', 32767, 2147483647, 9223372036854775807, 'NaN', '1.7976931348623157e308', 'Infinity', -1, '92233720368547758.07',
  '', '', '', '\x00', 'infinity', '24:00', '00:00:00-15:59', '4713-01-01 00:00:00 BC', '4713-11-24 00:00:00+00 BC', '178000000 years', NULL,
  '-1 mons', '0.0.0.0/0', '::/0', '00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff:ff:ff', '0000000', '11111111111111111111',
  'ffffffff-ffff-ffff-ffff-ffffffffffff', 'null', 'null', 'strict $', '', '', '(-0,0)', '{0,1,-1e300}', '[(1,1),(1,1)]', '(0,0),(0,0)', '((0,0))',
  '((0,0))', '<(1,1),0>', 0, '0', '0', '7', '(0,1)', '0/0', '1:1:', '1:1:', '', '', '', '=/postgres',
  0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 'empty', 'empty', 'empty', 'empty', 'empty', 'empty', '{}', '{}', '{}', '{}', '{}', '{}');
INSERT INTO types.plain (id, num, d, ts, tsz, f4, f8, tx, r_class) VALUES
 (3, '-Infinity', '4713-11-24 BC', '294276-12-31 23:59:59.999999', '0001-01-01 00:00:00+00 BC', 1e-45, 5e-324, E'tab\t nl\n cr\r bs\\ q" e\x01', 999999999),
 (4, ('1' || repeat('0', 5000) || '.' || repeat('9', 3000))::numeric, '5874897-12-31', '0044-03-15 BC', '294276-12-31 23:59:59.999999+00', 3.4028235e38, 0.1, 'é€𝄞' || chr(1114109), 'pg_catalog.pg_class');
INSERT INTO types.plain (id) VALUES (5);

CREATE TABLE types.own (
    id int PRIMARY KEY, colour types.colour, colours types.colour[], grid types.colour[][], ip types.inner_pair, op types.outer_pair,
    ops types.outer_pair[], pct types.percentage, half types.half, halves types.half[], names types.names, pair types.pair,
    must types.must, ct types.c_text, range types.colours, ranges types.colours[], many types.many_colours, pr types.percents,
    span types.span, row types.row_type, rows types.row_type[], nothing types.nothing, none types.no_labels
);
INSERT INTO types.own VALUES
 (1, 'it''s', '{red,NULL,"with, comma",""}', '{{red,green},{green,red}}', ROW('ünïcode', 1.005, 'x"y,(z)'),
  ROW(ROW('red', NULL, ''), ARRAY[ROW('green', 'NaN', NULL), NULL]::types.inner_pair[], '{2020-01-01,infinity}'),
  ARRAY[ROW(NULL, NULL, NULL), NULL]::types.outer_pair[], 100, 50, '{0,50}', '{a,"",NULL}', ROW('red', 0, NULL),
  '', 'é', '[red,green]', '{"[red,green)",empty,NULL}', '{[red,green),["it''s","ünïcode"]}', '[0,100]', '[red,red]',
  ROW(1, 'b'), ARRAY[ROW(1, E'new\nline'), ROW(NULL, NULL)]::types.row_type[], ROW(), NULL),
 (2, NULL, '{}', '[2:3]={red,green}', ROW(NULL, NULL, NULL), NULL, '{}', NULL, NULL, '{}', NULL, NULL, ' ', '', 'empty', '{}', '{}', 'empty', NULL, NULL, '{}', NULL, NULL);
-- Values that name indexes, which come after most rows: of this table, of a key that a foreign key leads to.
CREATE TYPE types.naming AS (n int, c regclass);
CREATE DOMAIN types.relation AS regclass;
CREATE TABLE types.naming_rows (id int PRIMARY KEY, c regclass, cs regclass[], one types.naming, d types.relation, ps regprocedure[],
    UNIQUE (c));
INSERT INTO types.naming_rows VALUES (1, 'types.naming_rows_pkey', '{types.naming_rows_c_key,tree_pkey,NULL}', '(1,measured_value)', 'totals_n', '{lower(text)}'),
    (2, '"Mixed Case"."Odd Index"', '{}', NULL, NULL, NULL), (3, 'booking_during_excl', NULL, '(,)', '-', '{-}'),
    (4, 'measured_2020_value_idx', NULL, NULL, NULL, NULL);
CREATE TABLE types.naming_rows_too (id int REFERENCES types.naming_rows);
INSERT INTO types.naming_rows_too VALUES (1);
CREATE TABLE types.arrays (a int[][], b text[], c bytea[], d jsonb[], e timestamptz[], f numeric[], g regclass[], h int4range[], i "char"[], j name[], k box[]);
INSERT INTO types.arrays VALUES ('[-1:0][3:4]={{1,2},{NULL,4}}', ARRAY['', NULL, 'null', 'NULL', '{}', E'\\', '"'], ARRAY['\x'::bytea, '\xff'], ARRAY['null'::jsonb, NULL, '{}'],
 '{infinity,"0044-03-15 12:00 BC"}', '{NaN,Infinity,-0.0,1.10}', '{types.arrays,pg_class}', '{"[1,2)",empty}', '{a,""}', '{a,b}', '{(1,1),(0,0);(2,2),(1,1)}');
-- A domain that got a condition its values do not meet.
CREATE DOMAIN types.late AS int;
CREATE TABLE types.uses_late (v types.late);
INSERT INTO types.uses_late VALUES (-5);
ALTER DOMAIN types.late ADD CONSTRAINT positive CHECK (VALUE > 0) NOT VALID;

CREATE TABLE types.big (id int PRIMARY KEY, external text, main text, plain bytea, packed text COMPRESSION pglz, doc jsonb, texts text[]);
ALTER TABLE types.big ALTER external SET STORAGE EXTERNAL, ALTER main SET STORAGE MAIN, ALTER plain SET STORAGE EXTERNAL;
INSERT INTO types.big
SELECT 1, (SELECT string_agg(md5(i::text), '') FROM generate_series(1, 150000) i), repeat('m', 3000000),
       (SELECT string_agg(decode(md5(i::text), 'hex'), '') FROM generate_series(1, 150000) i), repeat('packed ', 700000),
       (SELECT jsonb_object_agg('k' || i, md5(i::text)) FROM generate_series(1, 30000) i),
       (SELECT array_agg(md5(i::text)) FROM generate_series(1, 30000) i);
INSERT INTO types.big (id, external, packed) VALUES (2, '', repeat(E'\\', 2500000)), (3, NULL, repeat('é', 1500000));
