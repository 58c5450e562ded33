-- What extensions bring, where both servers have them.
CREATE SCHEMA ext;
CREATE EXTENSION hstore SCHEMA ext;
CREATE EXTENSION citext SCHEMA ext;
CREATE EXTENSION pg_trgm SCHEMA public;
CREATE EXTENSION btree_gist SCHEMA ext;
CREATE EXTENSION ltree SCHEMA ext;
CREATE EXTENSION cube SCHEMA ext;
CREATE EXTENSION intarray SCHEMA ext;
CREATE EXTENSION unaccent SCHEMA ext;
CREATE EXTENSION isn SCHEMA ext;
CREATE DOMAIN ext.mail AS ext.citext CHECK (VALUE ~ '@');
CREATE TABLE ext.typed (id int PRIMARY KEY, h ext.hstore, hs ext.hstore[], c ext.citext UNIQUE, m ext.mail, l ext.ltree, ls ext.ltree[],
    q ext.lquery, k ext.cube, i ext.isbn13, g int GENERATED ALWAYS AS (ext.icount(ARRAY[id, 7])) STORED);
INSERT INTO ext.typed VALUES (1, 'a=>1, "b \"c"=>NULL', ARRAY['x=>y'::ext.hstore, NULL], 'MiXed', 'A@b', 'top.child_1', '{a.b,c}', '*.a', '(1,2),(3,4)', '978-0-393-04002-9'),
    (2, '', '{}', NULL, NULL, '', NULL, NULL, NULL, NULL);
CREATE INDEX ON ext.typed USING gin (h);
CREATE INDEX ON ext.typed USING gist (l);
CREATE TABLE ext.words (w text, room int, during int4range, EXCLUDE USING gist (room WITH OPERATOR(pg_catalog.=), during WITH &&));
INSERT INTO ext.words VALUES ('Élan', 1, '[1,2)'), ('word', 2, '[1,2)');
CREATE INDEX words_trgm ON ext.words USING gin (w public.gin_trgm_ops);
CREATE TEXT SEARCH CONFIGURATION ext.plain (COPY = simple);
ALTER TEXT SEARCH CONFIGURATION ext.plain ALTER MAPPING FOR hword, word WITH ext.unaccent, simple;
CREATE VIEW ext.similar AS SELECT w, public.similarity(w, 'word') FROM ext.words;
CREATE FUNCTION ext.with_hstore(h ext.hstore DEFAULT 'a=>1') RETURNS text LANGUAGE sql IMMUTABLE AS $$ SELECT h OPERATOR(ext.->) 'a' $$;
