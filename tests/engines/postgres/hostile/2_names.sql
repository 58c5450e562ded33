-- Names that are words of SQL, that need quotes, or that look like something else.
CREATE SCHEMA "select";
CREATE SCHEMA "Schéma with . dots, ""quotes"", 100%% and \ back";
CREATE TYPE "select"."Type %s 'x'" AS ENUM ('a');
CREATE TABLE "select"."from" ("where" int PRIMARY KEY, "group" text, "user" text, "oid" int, t int, "Type" "select"."Type %s 'x'");
INSERT INTO "select"."from" VALUES (1, 'g', 'u', 2, 3, 'a');
CREATE TABLE "Schéma with . dots, ""quotes"", 100%% and \ back"."table; DROP TABLE x; --" (
    "col""umn" int, "col.umn" int, "%(x)s" text, "$1" text, " " text, "back\slash" text, "日本語" text, "a
newline" text, "tab	tab" text, "ctid " text, "C" int GENERATED ALWAYS AS ("col""umn" * 2) STORED);
INSERT INTO "Schéma with . dots, ""quotes"", 100%% and \ back"."table; DROP TABLE x; --" VALUES (1, 2, '%s', '$1', ' ', '\', '語', E'\n', E'\t', '');
CREATE INDEX "index ""of"" 100%" ON "Schéma with . dots, ""quotes"", 100%% and \ back"."table; DROP TABLE x; --" ("back\slash", lower("a
newline")) WHERE "%(x)s" = '%s';
COMMENT ON INDEX "Schéma with . dots, ""quotes"", 100%% and \ back"."index ""of"" 100%" IS '100% "quoted" \ and ''more''';
CREATE TABLE public."a
table over
three lines" (id serial PRIMARY KEY, "b
c" text CHECK ("b
c" <> ''));
INSERT INTO public."a
table over
three lines" ("b
c") VALUES ('x');
CREATE TABLE public.sixty_three_bytes_of_name_that_is_as_long_as_a_name_can_be_here (a_column_name_that_has_sixty_three_bytes_as_well_and_is_full_no bigserial PRIMARY KEY, b int UNIQUE);
INSERT INTO public.sixty_three_bytes_of_name_that_is_as_long_as_a_name_can_be_here (b) VALUES (1), (2);
-- The same name in two schemas, in two cases, and for a table, a type, a function and a column.
CREATE TABLE public.same (same int);
CREATE TABLE public."Same" (same int);
CREATE TABLE "select".same (same int);
INSERT INTO public.same VALUES (1);
INSERT INTO public."Same" VALUES (2);
INSERT INTO "select".same VALUES (3);
CREATE FUNCTION public.same(public.same) RETURNS int LANGUAGE sql STABLE AS 'SELECT 7';
CREATE VIEW "select"."view" AS SELECT f."where" AS "order", s.same FROM "select"."from" f, public.same s;
CREATE TABLE public.t (t int, public text);
INSERT INTO public.t VALUES (1, 'p');
-- As many columns as a table can nearly have.
DO $$ BEGIN EXECUTE 'CREATE TABLE public.wide (' || (SELECT string_agg('c' || i || ' int', ', ') FROM generate_series(1, 1500) i) || ')'; END $$;
INSERT INTO public.wide (c1, c2, c1500) VALUES (1, NULL, 3), (4, 5, NULL);
