-- What runs: functions, triggers that no load may fire, rules, views, policies, operators.
CREATE SCHEMA code;
CREATE TABLE code.loaded (id int PRIMARY KEY, v text);
INSERT INTO code.loaded VALUES (1, 'one'), (2, 'two');
CREATE FUNCTION code.raise_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'a trigger was fired by %', TG_OP; END $$;
CREATE TRIGGER a_row BEFORE INSERT OR UPDATE OR DELETE ON code.loaded FOR EACH ROW EXECUTE FUNCTION code.raise_it();
CREATE TRIGGER b_statement AFTER INSERT OR TRUNCATE ON code.loaded EXECUTE FUNCTION code.raise_it();
CREATE TRIGGER c_always BEFORE INSERT ON code.loaded FOR EACH ROW WHEN (NEW.v IS NOT NULL) EXECUTE FUNCTION code.raise_it('with', 'arguments');
ALTER TABLE code.loaded ENABLE ALWAYS TRIGGER c_always;
CREATE TRIGGER d_replica AFTER INSERT ON code.loaded FOR EACH ROW EXECUTE FUNCTION code.raise_it();
ALTER TABLE code.loaded ENABLE REPLICA TRIGGER d_replica;
CREATE TRIGGER e_off BEFORE INSERT ON code.loaded FOR EACH ROW EXECUTE FUNCTION code.raise_it();
ALTER TABLE code.loaded DISABLE TRIGGER e_off;
CREATE CONSTRAINT TRIGGER f_constraint AFTER INSERT ON code.loaded DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION code.raise_it();
CREATE TRIGGER g_transition AFTER INSERT ON code.loaded REFERENCING NEW TABLE AS fresh FOR EACH STATEMENT EXECUTE FUNCTION code.raise_it();
CREATE TRIGGER h_columns AFTER UPDATE OF v ON code.loaded FOR EACH ROW EXECUTE FUNCTION code.raise_it();
COMMENT ON TRIGGER a_row ON code.loaded IS 'raises';
CREATE TRIGGER on_parts AFTER INSERT ON part.by_range FOR EACH ROW EXECUTE FUNCTION code.raise_it();
ALTER TABLE part.low DISABLE TRIGGER on_parts;
CREATE TABLE code.ruled (id int);
INSERT INTO code.ruled VALUES (1);
CREATE RULE nowhere AS ON INSERT TO code.ruled DO INSTEAD NOTHING;
CREATE RULE also AS ON UPDATE TO code.ruled WHERE old.id > 1 DO ALSO INSERT INTO code.loaded VALUES (new.id, 'rule');
ALTER TABLE code.ruled DISABLE RULE also;

CREATE FUNCTION code.over(int) RETURNS int LANGUAGE sql AS 'SELECT $1';
CREATE FUNCTION code.over(text, int DEFAULT 3) RETURNS text LANGUAGE sql STRICT PARALLEL SAFE COST 7 AS $$ SELECT $1 || $2 $$;
CREATE FUNCTION code.variadic_one(VARIADIC arr numeric[]) RETURNS numeric LANGUAGE sql AS 'SELECT max(x) FROM unnest($1) x';
CREATE FUNCTION code.outs(IN a int, OUT b int, INOUT c text DEFAULT 'c') LANGUAGE plpgsql AS $$ BEGIN b := a; END $$;
CREATE FUNCTION code.as_table(n int) RETURNS TABLE (i int, t text) LANGUAGE sql ROWS 5 AS 'SELECT i, i::text FROM generate_series(1, n) i';
CREATE FUNCTION code.standard(a int, b int) RETURNS int LANGUAGE sql IMMUTABLE RETURN a + b;
CREATE FUNCTION code.atomic() RETURNS SETOF code.loaded BEGIN ATOMIC SELECT * FROM code.loaded; END;
CREATE FUNCTION code.with_settings() RETURNS int LANGUAGE plpgsql SECURITY DEFINER SET search_path = code, pg_temp SET work_mem = '5MB' AS $$ BEGIN RETURN (SELECT count(*) FROM loaded); END $$;
CREATE FUNCTION code.unknown_yet() RETURNS int LANGUAGE sql AS 'SELECT 1';
CREATE OR REPLACE FUNCTION code.forward() RETURNS SETOF code.loaded LANGUAGE plpgsql AS $$ BEGIN RETURN QUERY SELECT * FROM code.not_there_yet; END $$;
CREATE FUNCTION code.poly(anyelement, anyarray) RETURNS anyelement LANGUAGE sql AS 'SELECT $1';
CREATE PROCEDURE code.proc(INOUT a int, b text DEFAULT E'it''s\n') LANGUAGE plpgsql AS $$ BEGIN COMMIT; a := 1; END $$;
CREATE FUNCTION code.body_with_traps() RETURNS text LANGUAGE sql AS $body$ SELECT '
\restrict abc
--
-- TOC entry 1 (class 0 OID 0)
-- Name: x; Type: TABLE
SET transaction_timeout = 0;
\unrestrict abc
$$ %s %(x)s' $body$;
CREATE AGGREGATE code.total(int) (SFUNC = code.standard, STYPE = int, INITCOND = '0', COMBINEFUNC = code.standard, PARALLEL = SAFE);
CREATE AGGREGATE code.first_ordered(float8 ORDER BY anyelement) (SFUNC = ordered_set_transition, STYPE = internal, FINALFUNC = percentile_disc_final, FINALFUNC_EXTRA = true, FINALFUNC_MODIFY = READ_WRITE);
DROP AGGREGATE code.first_ordered(float8 ORDER BY anyelement);
CREATE OPERATOR code.%+% (LEFTARG = int, RIGHTARG = int, FUNCTION = code.standard, COMMUTATOR = OPERATOR(code.%+%));
CREATE CAST (code.loaded AS text) WITH INOUT AS ASSIGNMENT;
CREATE FUNCTION code.loaded_to_int(code.loaded) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1.id';
CREATE CAST (code.loaded AS int) WITH FUNCTION code.loaded_to_int(code.loaded);
COMMENT ON CAST (code.loaded AS int) IS 'a cast';
COMMENT ON FUNCTION code.over(text, int) IS 'overloaded';
COMMENT ON OPERATOR code.%+% (int, int) IS 'an operator';
COMMENT ON AGGREGATE code.total(int) IS 'an aggregate';
CREATE COLLATION code.plain (provider = libc, locale = 'C');
CREATE TABLE code.collated (a text COLLATE code.plain, b text COLLATE "POSIX");
INSERT INTO code.collated VALUES ('a', 'B');
CREATE INDEX ON code.collated (a, b COLLATE code.plain);
CREATE TEXT SEARCH DICTIONARY code.short (TEMPLATE = simple, STOPWORDS = english, ACCEPT = false);
CREATE TEXT SEARCH CONFIGURATION code.search (COPY = english);
ALTER TEXT SEARCH CONFIGURATION code.search ALTER MAPPING FOR asciiword WITH code.short, simple;
CREATE TABLE code.documents (id int, body text, found tsvector GENERATED ALWAYS AS (to_tsvector('code.search', body)) STORED, conf regconfig DEFAULT 'code.search');
INSERT INTO code.documents (id, body) VALUES (1, 'the quick Foxes'), (2, NULL);
CREATE INDEX ON code.documents USING gin (found);
CREATE CONVERSION code.conv FOR 'LATIN1' TO 'UTF8' FROM iso8859_1_to_utf8;

-- A condition that asks another table, by a name that is found along the search path only.
CREATE TABLE public.a_needs_z (id int, z int);
CREATE TABLE public.z_needed (id int PRIMARY KEY);
INSERT INTO public.z_needed VALUES (1), (2);
CREATE FUNCTION public.is_known(int) RETURNS boolean LANGUAGE plpgsql STABLE AS $$ BEGIN RETURN EXISTS (SELECT FROM public.z_needed n WHERE n.id = $1); END $$;
ALTER TABLE public.a_needs_z ADD CONSTRAINT z_is_known CHECK (public.is_known(z));
INSERT INTO public.a_needs_z SELECT i, 1 + i % 2 FROM generate_series(1, 10) i;

-- Functions that find what they name along the search path only: the first when a statement is planned.
CREATE FUNCTION public.twice(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT $1 * 2';
CREATE FUNCTION public.twice_by_sql(int) RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT twice($1)';
CREATE FUNCTION public.twice_by_plpgsql(int) RETURNS int LANGUAGE plpgsql IMMUTABLE AS 'BEGIN RETURN twice($1); END';
CREATE DOMAIN public.doubled AS int CHECK (twice_by_plpgsql(VALUE) > VALUE);
CREATE TABLE public.along_the_path (id int PRIMARY KEY, d doubled, one int GENERATED ALWAYS AS (twice_by_sql(id)) STORED,
    two int GENERATED ALWAYS AS (twice_by_plpgsql(id)) STORED, CHECK (twice_by_sql(id) > 0));
INSERT INTO public.along_the_path VALUES (1, 1), (2, NULL), (3, 3);
CREATE INDEX along_the_path_index ON public.along_the_path (twice_by_sql(id)) WHERE twice_by_plpgsql(id) > 2;

CREATE VIEW code.base AS SELECT id, v FROM code.loaded WHERE id > 0 WITH LOCAL CHECK OPTION;
CREATE VIEW code.upon WITH (security_barrier) AS SELECT b.id, upper(b.v) AS "Up per" FROM code.base b WITH CASCADED CHECK OPTION;
CREATE VIEW code.upon_upon WITH (security_invoker = true) AS SELECT count(*) AS n, "Up per" FROM code.upon GROUP BY 2;
CREATE VIEW code.numbers AS WITH RECURSIVE r (n) AS (VALUES (1) UNION ALL SELECT n + 1 FROM r WHERE n < 5) SELECT n FROM r;
CREATE VIEW code.star AS SELECT * FROM code.loaded l JOIN code.documents d USING (id);
ALTER VIEW code.base ALTER COLUMN v SET DEFAULT 'from the view';
CREATE FUNCTION code.instead() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER instead INSTEAD OF INSERT ON code.upon_upon FOR EACH ROW EXECUTE FUNCTION code.instead();
CREATE MATERIALIZED VIEW code.first AS SELECT id, v, code.standard(id, 1) AS s FROM code.base;
CREATE MATERIALIZED VIEW code.a_second AS SELECT sum(s) AS total FROM code.first;
CREATE MATERIALIZED VIEW code.empty_second AS SELECT * FROM code.a_second WITH NO DATA;
CREATE UNIQUE INDEX ON code.first (id);
CREATE VIEW code.over_materialized AS SELECT * FROM code.a_second;
COMMENT ON VIEW code.upon IS 'a view';
COMMENT ON COLUMN code.upon."Up per" IS 'upper';
COMMENT ON MATERIALIZED VIEW code.first IS 'filled';

CREATE TABLE code.forced (id int PRIMARY KEY, who name DEFAULT current_user);
INSERT INTO code.forced VALUES (1, 'nobody'), (2, 'somebody');
ALTER TABLE code.forced ENABLE ROW LEVEL SECURITY;
ALTER TABLE code.forced FORCE ROW LEVEL SECURITY;
CREATE POLICY own_rows ON code.forced USING (who = current_user) WITH CHECK (id > 0);
CREATE POLICY narrow ON code.forced AS RESTRICTIVE FOR UPDATE USING (id < 100);
CREATE TABLE code.policed (id int);
INSERT INTO code.policed VALUES (1);
ALTER TABLE code.policed ENABLE ROW LEVEL SECURITY;
CREATE TABLE code.unpoliced (id int);
INSERT INTO code.unpoliced VALUES (1);
CREATE POLICY asleep ON code.unpoliced FOR DELETE USING (false);
ALTER TABLE code.unpoliced FORCE ROW LEVEL SECURITY;
COMMENT ON POLICY own_rows ON code.forced IS 'a policy';
