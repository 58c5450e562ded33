-- What the application's role may not do yet and should, or may do and should not: as statements, and in words.
-- Reads catalogues only. Parameters: role; schemas, and read_only (schema.table), a line for each.
-- Only what belongs to the user who asks is looked at: nothing else can be granted here.
WITH app AS (
  SELECT r.* FROM pg_roles r WHERE r.rolname = %(role)s
), grantee AS (
  SELECT quote_ident(%(role)s) AS name
), spaces AS (
  SELECT n.oid, n.nspname, quote_ident(n.nspname) AS name, coalesce(n.nspacl, acldefault('n', n.nspowner)) AS acl
  FROM pg_namespace n WHERE n.nspname = ANY (string_to_array(%(schemas)s, E'\n'))
), relations AS (
  SELECT c.oid, c.relkind = 'S' AS is_sequence, s.name || '.' || quote_ident(c.relname) AS name, c.relowner,
         coalesce(c.relacl, acldefault(CASE WHEN c.relkind = 'S' THEN 's' ELSE 'r' END::"char", c.relowner)) AS acl,
         CASE WHEN c.relkind = 'S' THEN '{USAGE}'::text[]
              WHEN s.nspname || '.' || c.relname = ANY (string_to_array(%(read_only)s, E'\n')) THEN '{SELECT}'
              ELSE '{SELECT,INSERT,UPDATE,DELETE}' END AS wanted
  FROM pg_class c JOIN spaces s ON s.oid = c.relnamespace
  WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') AND pg_has_role(c.relowner, 'USAGE')
), held AS (
  SELECT r.oid, array_agg(a.privilege_type) AS privileges
  FROM relations r, aclexplode(r.acl) a JOIN app ON a.grantee = app.oid GROUP BY r.oid
), by_relation AS (
  SELECT r.name, r.is_sequence, held.privileges AS has, r.wanted,
         array_to_string(ARRAY(SELECT unnest(r.wanted) EXCEPT SELECT unnest(held.privileges) ORDER BY 1), ', ') AS lacks,
         array_to_string(ARRAY(SELECT unnest(held.privileges) EXCEPT SELECT unnest(r.wanted) ORDER BY 1), ', ') AS exceeds
  FROM relations r LEFT JOIN held USING (oid)
), defaults AS (
  SELECT s.name, kind.*, ARRAY(
    SELECT a.privilege_type FROM pg_default_acl d, aclexplode(d.defaclacl) a JOIN app ON a.grantee = app.oid
    WHERE d.defaclnamespace = s.oid AND d.defaclobjtype = kind.letter
      AND d.defaclrole = (SELECT oid FROM pg_roles WHERE rolname = current_user)) AS has
  FROM spaces s, (VALUES ('r'::"char", 'TABLES', '{SELECT,INSERT,UPDATE,DELETE}'::text[]),
                         ('S', 'SEQUENCES', '{USAGE}')) AS kind (letter, plural, wanted)
), on_database AS (
  SELECT quote_ident(d.datname) AS name,
         ARRAY(SELECT a.privilege_type FROM aclexplode(acl) a JOIN app ON a.grantee = app.oid) AS has,
         ARRAY(SELECT a.privilege_type FROM aclexplode(acl) a WHERE a.grantee = 0) AS anyone_has
  FROM pg_database d, LATERAL (SELECT coalesce(d.datacl, acldefault('d', d.datdba)) AS acl) a
  WHERE d.datname = current_database()
), on_schema AS (
  SELECT s.oid, s.name, ARRAY(SELECT a.privilege_type FROM aclexplode(acl) a JOIN app ON a.grantee = app.oid) AS has,
         ARRAY(SELECT a.privilege_type FROM aclexplode(acl) a WHERE a.grantee = 0) AS anyone_has
  FROM spaces s
), statements (place, statement) AS (
  SELECT 1, format('GRANT CONNECT ON DATABASE %%s TO %%s', d.name, g.name) FROM on_database d, grantee g
  WHERE 'CONNECT' <> ALL (d.has)
  UNION ALL
  SELECT 2, format('REVOKE %%s ON DATABASE %%s FROM %%s', p, d.name, g.name) FROM on_database d, grantee g, unnest(d.has) p
  WHERE p <> 'CONNECT'
  UNION ALL
  SELECT 2, format('REVOKE %%s ON DATABASE %%s FROM PUBLIC', p, d.name) FROM on_database d, unnest(d.anyone_has) p
  WHERE p <> 'CONNECT'
  UNION ALL
  SELECT 3, format('GRANT USAGE ON SCHEMA %%s TO %%s', s.name, g.name) FROM on_schema s, grantee g
  WHERE 'USAGE' <> ALL (s.has)
  UNION ALL
  SELECT 4, format('REVOKE CREATE ON SCHEMA %%s FROM %%s', s.name, g.name) FROM on_schema s, grantee g
  WHERE 'CREATE' = ANY (s.has)
  UNION ALL
  SELECT 4, format('REVOKE CREATE ON SCHEMA %%s FROM PUBLIC', s.name) FROM on_schema s WHERE 'CREATE' = ANY (s.anyone_has)
  UNION ALL
  SELECT 5, format('REVOKE %%s ON %%s %%s FROM %%s', r.exceeds, CASE WHEN r.is_sequence THEN 'SEQUENCE' ELSE 'TABLE' END,
                   string_agg(r.name, ', ' ORDER BY r.name), g.name)
  FROM by_relation r, grantee g WHERE r.exceeds <> '' GROUP BY r.exceeds, r.is_sequence, g.name
  UNION ALL
  SELECT 6, format('GRANT %%s ON %%s %%s TO %%s', r.lacks, CASE WHEN r.is_sequence THEN 'SEQUENCE' ELSE 'TABLE' END,
                   string_agg(r.name, ', ' ORDER BY r.name), g.name)
  FROM by_relation r, grantee g WHERE r.lacks <> '' GROUP BY r.lacks, r.is_sequence, g.name
  UNION ALL
  SELECT 7, format('ALTER DEFAULT PRIVILEGES IN SCHEMA %%s REVOKE ALL ON %%s FROM %%s', d.name, d.plural, g.name)
  FROM defaults d, grantee g WHERE NOT d.wanted @> d.has
  UNION ALL
  SELECT 8, format('ALTER DEFAULT PRIVILEGES IN SCHEMA %%s GRANT %%s ON %%s TO %%s', d.name,
                   array_to_string(d.wanted, ', '), d.plural, g.name)
  FROM defaults d, grantee g WHERE NOT (d.wanted <@ d.has AND d.has <@ d.wanted)
), excess (what) AS (
  -- However the role came to it: by an attribute, by another role, or as the owner.
  SELECT 'is a superuser' FROM app WHERE rolsuper
  UNION ALL SELECT 'may create roles' FROM app WHERE rolcreaterole
  UNION ALL SELECT 'may create databases' FROM app WHERE rolcreatedb
  UNION ALL SELECT 'may replicate' FROM app WHERE rolreplication
  UNION ALL SELECT 'sees the rows that policies hide' FROM app WHERE rolbypassrls
  UNION ALL SELECT 'may create schemas' FROM app WHERE has_database_privilege(app.oid, current_database(), 'CREATE')
  UNION ALL SELECT 'may create in schema ' || s.name FROM app, on_schema s WHERE has_schema_privilege(app.oid, s.oid, 'CREATE')
  UNION ALL SELECT 'has the rights of the owner of ' || r.name FROM app, relations r WHERE pg_has_role(app.oid, r.relowner, 'MEMBER')
  UNION ALL SELECT 'may truncate ' || r.name FROM app, relations r
            WHERE NOT r.is_sequence AND has_table_privilege(app.oid, r.oid, 'TRUNCATE')
)
SELECT EXISTS (SELECT FROM app) AS role_exists,
       ARRAY(SELECT statement FROM statements ORDER BY place, statement) AS statements,
       ARRAY(SELECT what FROM excess ORDER BY what) AS excess,
       ARRAY(SELECT unnest(string_to_array(%(schemas)s, E'\n')) EXCEPT SELECT nspname FROM pg_namespace) AS absent_schemas
