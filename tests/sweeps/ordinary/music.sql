-- What the tables of a large encyclopaedia of music build on: extensions, types, functions.
CREATE SCHEMA music;
CREATE SCHEMA artwork;
CREATE SCHEMA reports;
CREATE SCHEMA docs;
CREATE SCHEMA "statistics";
CREATE EXTENSION IF NOT EXISTS cube;
CREATE EXTENSION IF NOT EXISTS earthdistance;
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gist;
SET search_path = music, public;
CREATE COLLATION plain FROM "C";
CREATE TEXT SEARCH DICTIONARY short_words (TEMPLATE = pg_catalog.simple, stopwords = 'english', accept = false);
CREATE TEXT SEARCH CONFIGURATION titles (COPY = pg_catalog.simple);
ALTER TEXT SEARCH CONFIGURATION titles ALTER MAPPING FOR asciiword, word, numword WITH public.unaccent, pg_catalog.simple;
CREATE TYPE fluency AS ENUM ('basic', 'intermediate', 'advanced', 'native');
CREATE TYPE presence AS ENUM ('absent', 'present', 'darkened');
CREATE TYPE partial_date AS (year smallint, month smallint, day smallint);
CREATE TYPE credited AS (name text, joined_by text, began partial_date);
CREATE TYPE pitch AS RANGE (subtype = numeric, subtype_opclass = numeric_ops, multirange_type_name = pitches);
-- {icu}
CREATE FUNCTION is_barcode(text) RETURNS boolean LANGUAGE plpgsql IMMUTABLE STRICT AS $$
BEGIN
    RETURN $1 ~ '^[0-9]*$' AND length($1) <= 14;
END $$;
CREATE FUNCTION controlled(text) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS
    $$ SELECT $1 !~ E'[\u0001-\u001f]' AND $1 = btrim($1) $$;
CREATE FUNCTION folded(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
    RETURN lower(public.unaccent('public.unaccent'::regdictionary, $1) COLLATE "C");
CREATE FUNCTION on_earth(float8, float8) RETURNS public.earth LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT public.cube(public.cube(public.cube(public.earth() * cos(radians($1)) * cos(radians($2))),
        public.earth() * cos(radians($1)) * sin(radians($2))), public.earth() * sin(radians($1)))::public.earth $$;
CREATE FUNCTION began(partial_date) RETURNS boolean LANGUAGE sql IMMUTABLE AS
    $$ SELECT ($1).year IS NOT NULL OR ($1).month IS NULL $$;
CREATE DOMAIN barcode AS text COLLATE "C" CONSTRAINT barcode_known CHECK (VALUE IS NULL OR music.is_barcode(VALUE));
CREATE DOMAIN positive AS integer DEFAULT 1 NOT NULL CONSTRAINT positive_check CHECK (VALUE > 0);
CREATE DOMAIN percent AS smallint CHECK (VALUE >= 0) CHECK (VALUE <= 100);
CREATE DOMAIN begun AS partial_date CHECK (music.began(VALUE));
CREATE FUNCTION median_of(numeric[]) RETURNS numeric LANGUAGE sql IMMUTABLE AS
    $$ SELECT percentile_cont(0.5) WITHIN GROUP (ORDER BY v)::numeric FROM unnest($1) v $$;
CREATE AGGREGATE median(numeric) (SFUNC = array_append, STYPE = numeric[], FINALFUNC = median_of, INITCOND = '{}');
CREATE AGGREGATE every_one(anycompatible) (SFUNC = array_append, STYPE = anycompatiblearray, INITCOND = '{}');
CREATE FUNCTION near(point, point) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1 <-> $2 < 1';
CREATE OPERATOR ~~~ (LEFTARG = point, RIGHTARG = point, FUNCTION = near, COMMUTATOR = ~~~, RESTRICT = areasel, JOIN = areajoinsel);
CREATE FUNCTION touched() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.last_updated = now();
    RETURN NEW;
END $$;
CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE music.counts SET n = n + (SELECT count(*) FROM fresh) WHERE of = TG_TABLE_NAME;
    RETURN NULL;
END $$;
CREATE FUNCTION unused_tag() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE FUNCTION next_number(OUT number integer, INOUT step integer DEFAULT 1, VARIADIC others integer[] DEFAULT '{}')
LANGUAGE sql AS $$ SELECT step + cardinality(others), step $$;
CREATE PROCEDURE forget(INOUT n integer) LANGUAGE plpgsql AS $$ BEGIN n := 0; END $$;
CREATE SEQUENCE revisions AS bigint START 1000 INCREMENT 10 MINVALUE 10 CACHE 7 CYCLE;
SELECT nextval('revisions') FROM generate_series(1, 9);
CREATE TABLE counts (of text PRIMARY KEY, n bigint NOT NULL DEFAULT 0);
CREATE TABLE tag (id integer GENERATED ALWAYS AS IDENTITY (START 5 INCREMENT 5) PRIMARY KEY, name varchar(255) NOT NULL UNIQUE);
CREATE TABLE editor (
    id serial PRIMARY KEY, name varchar(64) NOT NULL, privs integer DEFAULT 0, birth partial_date, known credited[],
    member_since timestamptz DEFAULT now(), deleted boolean NOT NULL DEFAULT false,
    speaks fluency[] DEFAULT '{native}', area integer);
CREATE UNIQUE INDEX editor_idx_name ON editor (lower(name));
CREATE TABLE edit (
    id serial PRIMARY KEY, editor integer NOT NULL REFERENCES editor, type smallint NOT NULL,
    status smallint NOT NULL CHECK (status IN (1, 2, 3)), autoedit smallint NOT NULL DEFAULT 0,
    open_time timestamptz DEFAULT now(), data jsonb NOT NULL DEFAULT '{}', language varchar(9) CHECK (language IN ('en', 'de')),
    quality smallint NOT NULL DEFAULT 1) WITH (fillfactor = 80, autovacuum_enabled = off);
CREATE INDEX edit_open ON edit (type, id DESC) WHERE status = 1;
CREATE INDEX edit_day ON edit USING brin ((timezone('UTC', open_time)::date));
CREATE STATISTICS edit_kinds (dependencies, mcv) ON type, status, (quality + 1) FROM edit;
-- A circle: a credit names persons, each of whom has one.
CREATE TABLE credit (id serial PRIMARY KEY, name varchar NOT NULL, refcount integer DEFAULT 0, gid uuid NOT NULL);
CREATE TABLE credit_name (
    credit integer REFERENCES credit ON DELETE CASCADE, position smallint, person integer NOT NULL,
    name varchar NOT NULL CHECK (music.controlled(name)), join_phrase text NOT NULL DEFAULT '', PRIMARY KEY (credit, position));
CREATE TABLE changes (at timestamptz NOT NULL, xid bigint NOT NULL, op "char" NOT NULL, old json, new json) PARTITION BY LIST (op);
CREATE TABLE changes_i PARTITION OF changes FOR VALUES IN ('i', 'u') PARTITION BY HASH (xid);
CREATE TABLE changes_i_0 PARTITION OF changes_i FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE changes_i_1 PARTITION OF changes_i FOR VALUES WITH (MODULUS 2, REMAINDER 1);
CREATE TABLE changes_d PARTITION OF changes FOR VALUES IN ('d', NULL);
CREATE INDEX changes_xid ON changes (xid);
INSERT INTO tag (name) SELECT 'tag ' || n FROM generate_series(1, 30) n;
INSERT INTO editor (name, birth, known)
SELECT 'Editor ' || n, ROW(1970 + n, NULL, 3)::partial_date, ARRAY[ROW('a "b"', ' & ', ROW(1, 2, 3))::credited, NULL]
FROM generate_series(1, 10) n;
INSERT INTO edit (editor, type, status, language) SELECT 1 + n % 10, n % 7, 1 + n % 3, 'en' FROM generate_series(1, 50) n;
INSERT INTO credit (name, gid) SELECT 'Credit ' || n, md5('credit' || n)::uuid FROM generate_series(1, 12) n;
INSERT INTO changes SELECT timestamptz '2024-01-01 UTC' + n * interval '1 s', n, (ARRAY['i', 'u', 'd'])[1 + n % 3]::"char", '{"a" : 1}' FROM generate_series(1, 60) n;
