-- What there is of each kind of thing {e}.
CREATE TABLE {e}_type (
    id serial PRIMARY KEY, name varchar(255) NOT NULL, parent integer REFERENCES {e}_type, child_order integer NOT NULL DEFAULT 0,
    description text, gid uuid NOT NULL UNIQUE);
INSERT INTO {e}_type (name, parent, gid) SELECT 'type ' || n, nullif(n - 1, 0), md5('{e}t' || n)::uuid FROM generate_series(1, 5) n;
CREATE TABLE {e} (
    id serial PRIMARY KEY, gid uuid NOT NULL CONSTRAINT {e}_gid_key UNIQUE, name varchar NOT NULL,
    sort_name varchar COLLATE music.plain NOT NULL DEFAULT ''::character varying, credit integer, type integer REFERENCES {e}_type,
    began partial_date, begin_year smallint, end_year smallint, length integer CHECK (length IS NULL OR length > 0),
    comment varchar(255) NOT NULL DEFAULT '', edits_pending integer NOT NULL DEFAULT 0 CHECK (edits_pending >= 0),
    last_updated timestamptz DEFAULT now(), ended boolean NOT NULL DEFAULT false,
    CONSTRAINT {e}_controlled CHECK (music.controlled(name)),
    CONSTRAINT {e}_ended CHECK (
        (end_year IS NOT NULL AND ended = true) OR end_year IS NULL));
CREATE INDEX {e}_name ON {e} (folded(name));
CREATE INDEX {e}_like ON {e} (name varchar_pattern_ops) INCLUDE (gid);
CREATE INDEX {e}_trgm ON {e} USING gin (name public.gin_trgm_ops);
CREATE UNIQUE INDEX {e}_one ON {e} (name, comment) WHERE comment <> ''::varchar AND NOT ended;
CREATE TRIGGER touched BEFORE UPDATE ON {e} FOR EACH ROW EXECUTE FUNCTION touched();
COMMENT ON TABLE {e} IS '{e}s; "all" of them';
COMMENT ON COLUMN {e}.gid IS 'What stays';
INSERT INTO {e} (gid, name, type, began, begin_year, length)
SELECT md5('{e}' || n)::uuid, 'Ñame ' || n, 1 + n % 5, ROW(n, NULL, 1)::partial_date, n, n * 1000 FROM generate_series(1, 20) n;
CREATE TABLE {e}_alias_type (id serial PRIMARY KEY, name text NOT NULL);
INSERT INTO {e}_alias_type (name) VALUES ('name'), ('search hint');
CREATE TABLE {e}_alias (
    id serial PRIMARY KEY, {e} integer NOT NULL REFERENCES {e}, name varchar NOT NULL, locale text,
    type integer REFERENCES {e}_alias_type, primary_for_locale boolean NOT NULL DEFAULT false,
    CONSTRAINT primary_check CHECK (
        (locale IS NULL AND primary_for_locale IS FALSE) OR locale IS NOT NULL),
    CONSTRAINT search_hints CHECK ((type <> 2) OR (type = 2 AND locale IS NULL)));
CREATE UNIQUE INDEX {e}_alias_primary ON {e}_alias ({e}, locale) WHERE primary_for_locale = TRUE AND locale IS NOT NULL;
INSERT INTO {e}_alias ({e}, name) SELECT 1 + n % 20, 'alias ' || n FROM generate_series(1, 20) n;
CREATE TABLE annotation_of_{e} (id bigserial PRIMARY KEY, {e} integer REFERENCES {e} ON DELETE SET NULL, text text, changelog varchar(255));
INSERT INTO annotation_of_{e} ({e}, text) SELECT n, repeat('long ', 600) FROM generate_series(1, 3) n;
CREATE TABLE {e}_attribute_type (id serial PRIMARY KEY, free_text boolean NOT NULL, parent integer REFERENCES {e}_attribute_type);
CREATE TABLE {e}_attribute_type_value (
    id integer NOT NULL, type integer NOT NULL REFERENCES {e}_attribute_type, value text, PRIMARY KEY (id), UNIQUE (type, id));
CREATE TABLE {e}_attribute (
    id serial PRIMARY KEY, {e} integer NOT NULL REFERENCES {e}, type integer NOT NULL, value integer, text text,
    FOREIGN KEY (type, value) REFERENCES {e}_attribute_type_value (type, id) MATCH FULL,
    CONSTRAINT one_value CHECK ((value IS NULL AND text IS NOT NULL) OR (value IS NOT NULL AND text IS NULL)));
CREATE TABLE {e}_redirect (
    gid uuid PRIMARY KEY, new_id integer NOT NULL REFERENCES {e} ON UPDATE CASCADE, created timestamptz DEFAULT now());
INSERT INTO {e}_redirect (gid, new_id) SELECT md5('r{e}' || n)::uuid, n FROM generate_series(1, 5) n;
CREATE TABLE {e}_meta (
    id integer PRIMARY KEY REFERENCES {e} ON DELETE CASCADE, rating percent, rating_count integer,
    presence presence NOT NULL DEFAULT 'absent') WITH (fillfactor = 90);
INSERT INTO {e}_meta SELECT id, nullif(id, 3), 1 FROM {e};
CREATE TABLE {e}_rating (
    {e} integer NOT NULL REFERENCES {e}, editor integer NOT NULL REFERENCES editor, rating percent NOT NULL, PRIMARY KEY ({e}, editor));
INSERT INTO {e}_rating SELECT n, 1 + n % 10, 50 FROM generate_series(1, 20) n;
CREATE TABLE {e}_tag (
    {e} integer NOT NULL REFERENCES {e}, tag integer NOT NULL REFERENCES tag, count positive, last_updated timestamptz DEFAULT now(),
    PRIMARY KEY ({e}, tag));
INSERT INTO {e}_tag ({e}, tag) SELECT 1 + n % 20, (1 + n % 30) * 5 FROM generate_series(1, 59) n;
CREATE INDEX {e}_tag_by_tag ON {e}_tag (tag, count DESC);
CREATE TABLE {e}_tag_raw (
    {e} integer NOT NULL, editor integer NOT NULL REFERENCES editor, tag integer NOT NULL, upvote boolean NOT NULL DEFAULT true,
    PRIMARY KEY ({e}, editor, tag), FOREIGN KEY ({e}, tag) REFERENCES {e}_tag ({e}, tag) ON DELETE CASCADE);
CREATE TABLE edit_{e} (edit integer REFERENCES edit, {e} integer REFERENCES {e} ON DELETE CASCADE, PRIMARY KEY (edit, {e}));
CREATE INDEX edit_{e}_idx ON edit_{e} ({e});
INSERT INTO edit_{e} SELECT n, 1 + n % 20 FROM generate_series(1, 40) n;
CREATE TABLE {e}_first_seen ({e} integer PRIMARY KEY REFERENCES {e}, at date, began begun);
CREATE TABLE docs.{e}_page (id integer PRIMARY KEY REFERENCES music.{e}, body text);
CREATE TABLE artwork.{e}_art (
    id bigint GENERATED BY DEFAULT AS IDENTITY (MINVALUE 10 MAXVALUE 99999 CACHE 3) PRIMARY KEY, {e} integer NOT NULL
        REFERENCES music.{e} ON DELETE CASCADE, mime text NOT NULL, ordering integer NOT NULL CHECK (ordering > 0),
    picture bytea, types music.presence[] DEFAULT ARRAY['present'::music.presence]);
INSERT INTO artwork.{e}_art ({e}, mime, ordering, picture) SELECT n, 'image/png', n, decode(md5(n::text), 'hex') FROM generate_series(1, 5) n;
CREATE TABLE "statistics"."{e} by day" (day date, n bigint, "of what?" "char", PRIMARY KEY (day)) PARTITION BY RANGE (day);
CREATE TABLE "statistics"."{e} 2024" PARTITION OF "statistics"."{e} by day" FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
INSERT INTO "statistics"."{e} by day" SELECT date '2024-01-01' + n, n FROM generate_series(1, 50) n;
CREATE VIEW {e}_with_type AS SELECT e.*, t.name AS type_name, NULL AS unknown FROM {e} e LEFT JOIN {e}_type t ON t.id = e.type;
