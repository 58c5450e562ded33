"""The queries behind ``schema_objects``.

Each returns (kind, schema or empty, relation it belongs to or empty, qualified name, definition), and the
OIDs of the catalog and of the object in it, by which dependencies are found.
"""

from __future__ import annotations

from engines.postgres.catalog.relations import FENCE, OWN

_RELATION = OWN.format(catalog="pg_class", oid="c.oid")
_TYPE = OWN.format(catalog="pg_type", oid="t.oid")
_ROUTINE = OWN.format(catalog="pg_proc", oid="p.oid")
# Objects from this number on are not the system's own.
FIRST_OWN = 16384
# The number of the schema that every database begins with, whatever its name is by now; it may be dropped.
PUBLIC = 2200
FORCED = "forced row security"
DISABLED = "disabled constraint"
_JOIN = "JOIN pg_namespace n ON n.oid = c.relnamespace"
_NAME = "format('%I.%I', n.nspname, c.relname)"
_PART = "format('%I.%I.%I', n.nspname, c.relname, {})"
_NUMBER = "'{}'::regclass::oid::bigint, {}::bigint"
_OF_RELATION = _NUMBER.format("pg_class", "c.oid")
# Options have no order: pg_dump sorts them.
_SORTED = "(SELECT array_agg(o ORDER BY o)::text FROM unnest({}) o)"

# ruff: noqa: S608 - the parts of these queries are the constants above

_SCHEMAS = f"""
SELECT 'schema', n.nspname, '', quote_ident(n.nspname), '', {_NUMBER.format("pg_namespace", "n.oid")}
FROM pg_namespace n
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema' AND NOT EXISTS (
    SELECT FROM pg_depend e
    WHERE e.classid = 'pg_namespace'::regclass AND e.objid = n.oid AND e.deptype = 'e')"""

# Its version is compared apart.
_EXTENSIONS = f"""
SELECT 'extension', '', '', x.extname, 'in schema ' || quote_ident(n.nspname),
       {_NUMBER.format("pg_extension", "x.oid")}
FROM pg_extension x JOIN pg_namespace n ON n.oid = x.extnamespace"""

_RELATIONS = f"""
SELECT CASE c.relkind WHEN 'r' THEN 'table' WHEN 'p' THEN 'partitioned table' WHEN 'v' THEN 'view'
           WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' WHEN 'c' THEN 'composite type' END,
       n.nspname, c.relname, {_NAME},
       concat_ws(' ', c.relpersistence, {_SORTED.format("c.reloptions")},
           (SELECT 'toast ' || {_SORTED.format("o.reloptions")} FROM pg_class o
            WHERE o.oid = c.reltoastrelid AND o.reloptions IS NOT NULL), pg_get_expr(c.relpartbound, c.oid),
           (SELECT 'using ' || m.amname FROM pg_am m WHERE m.oid = c.relam AND m.amname <> 'heap'),
           CASE WHEN c.reloftype <> 0 THEN 'of ' || c.reloftype::regtype::text END,
           (SELECT concat_ws(' ', v.srvname, {_SORTED.format("f.ftoptions")}) FROM pg_foreign_table f
            JOIN pg_foreign_server v ON v.oid = f.ftserver WHERE f.ftrelid = c.oid),
           (SELECT string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
            FROM pg_inherits i WHERE i.inhrelid = c.oid)), {_OF_RELATION}
FROM pg_class c {_JOIN}
WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c') AND c.relpersistence <> 't' AND {_RELATION}"""

_VIEWS = f"""
SELECT 'view definition', n.nspname, c.relname, {_NAME}, pg_get_viewdef(c.oid), {_OF_RELATION}
FROM pg_class c {_JOIN} WHERE c.relkind IN ('v', 'm') AND {_RELATION}"""

# Since 15.20 (and its contemporaries) a server keeps a number of its own among a column's options.
_OPTIONS = """nullif(ARRAY(SELECT o FROM unnest(a.attoptions) o
                          WHERE o !~ '^pg_attver=' ORDER BY o), '{}')::text"""

# Since 17 a partition's column says so too: it is that of the table that is partitioned.
_IDENTITY = """CASE WHEN a.attidentity <> ''
               AND NOT (c.relispartition AND current_setting('server_version_num')::int >= 170000)
               THEN 'identity ' || a.attidentity::text END"""

_COLUMNS = f"""
SELECT 'column', n.nspname, c.relname, {_PART.format("a.attname")},
       concat_ws(' ', format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
           {_IDENTITY},
           CASE WHEN a.attgenerated <> '' THEN 'generated ' || a.attgenerated::text END,
           {_OPTIONS}, {_SORTED.format("a.attfdwoptions")},
           CASE WHEN c.relkind IN ('r', 'p', 'm') THEN
               (SELECT 'storage ' || a.attstorage::text FROM pg_type t
                WHERE t.oid = a.atttypid AND t.typstorage <> a.attstorage) END,
           CASE WHEN a.attstattarget <> -1 THEN 'statistics ' || a.attstattarget::text END,
           (SELECT 'collate ' || a.attcollation::regcollation::text FROM pg_type t
            WHERE t.oid = a.atttypid AND t.typcollation <> a.attcollation)), {_OF_RELATION}
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid {_JOIN}
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'c')
  AND c.relpersistence <> 't' AND {_RELATION}"""

# Of generated columns too: what is computed.
_DEFAULTS = f"""
SELECT 'default', n.nspname, c.relname, {_PART.format("a.attname")}, pg_get_expr(d.adbin, d.adrelid),
       {_OF_RELATION}
FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
JOIN pg_class c ON c.oid = a.attrelid {_JOIN}
WHERE NOT a.attisdropped AND c.relpersistence <> 't' AND {_RELATION}"""

_PARTITION_KEYS = f"""
SELECT 'partition key', n.nspname, c.relname, {_NAME}, pg_get_partkeydef(c.oid), {_OF_RELATION}
FROM pg_class c {_JOIN} WHERE c.relkind = 'p' AND {_RELATION}"""

_SEQUENCES = f"""
SELECT 'sequence', n.nspname, c.relname, {_NAME},
       concat_ws(' ', format_type(s.seqtypid, NULL), s.seqstart, s.seqincrement, s.seqmin, s.seqmax,
           s.seqcache, s.seqcycle, nullif(c.relpersistence, 'p'),
           (SELECT 'owned by ' || d.refobjid::regclass::text || '.' || quote_ident(a.attname)
                        FROM pg_depend d
                        JOIN pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
                        WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid
                          AND d.refclassid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))),
       {_OF_RELATION}
FROM pg_sequence s JOIN pg_class c ON c.oid = s.seqrelid {_JOIN}
WHERE c.relpersistence <> 't' AND {_RELATION}"""

_TYPES = f"""
SELECT CASE t.typtype WHEN 'e' THEN 'enum' WHEN 'd' THEN 'domain' ELSE 'range type' END, n.nspname, '',
       format('%I.%I', n.nspname, t.typname),
       concat_ws(' ', CASE WHEN t.typtype = 'd' THEN format_type(t.typbasetype, t.typtypmod) END,
           (SELECT 'collate ' || t.typcollation::regcollation::text FROM pg_type b
            WHERE t.typtype = 'd' AND b.oid = t.typbasetype AND b.typcollation <> t.typcollation),
           CASE WHEN t.typnotnull THEN 'not null' END,
           (SELECT string_agg(quote_literal(l.enumlabel), ', ' ORDER BY l.enumsortorder)
            FROM pg_enum l WHERE l.enumtypid = t.oid),
           (SELECT concat_ws(' ', format_type(r.rngsubtype, NULL),
                             (SELECT o.opcname FROM pg_opclass o WHERE o.oid = r.rngsubopc),
                             nullif(r.rngcollation, 0)::regcollation, nullif(r.rngcanonical, 0)::regproc,
                             nullif(r.rngsubdiff, 0)::regproc)
            FROM pg_range r WHERE r.rngtypid = t.oid)),
       {_NUMBER.format("pg_type", "t.oid")}
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype IN ('e', 'd', 'r') AND {_TYPE}"""

_DOMAINS = f"""
SELECT 'domain default', n.nspname, '', format('%I.%I', n.nspname, t.typname),
       coalesce(pg_get_expr(t.typdefaultbin, 0), t.typdefault), {_NUMBER.format("pg_type", "t.oid")}
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE t.typtype = 'd' AND t.typdefault IS NOT NULL AND {_TYPE}
UNION ALL
SELECT 'domain check', n.nspname, '', format('%I.%I.%I', n.nspname, t.typname, k.conname),
       pg_get_constraintdef(k.oid), {_NUMBER.format("pg_type", "t.oid")}
FROM pg_constraint k JOIN pg_type t ON t.oid = k.contypid JOIN pg_namespace n ON n.oid = t.typnamespace
WHERE k.contype = 'c' AND {_TYPE}"""

_ROUTINES = f"""
SELECT CASE p.prokind WHEN 'p' THEN 'procedure' WHEN 'a' THEN 'aggregate' ELSE 'function' END, n.nspname, '',
       format('%I.%I(%s)', n.nspname, p.proname, pg_get_function_identity_arguments(p.oid)),
       CASE WHEN p.prokind <> 'a' THEN pg_get_functiondef(p.oid) ELSE
           (SELECT concat_ws(' ', g.aggkind, g.aggnumdirectargs, g.aggtransfn, g.aggfinalfn, g.aggcombinefn,
                             g.aggserialfn, g.aggdeserialfn, g.aggmtransfn, g.aggminvtransfn, g.aggmfinalfn,
                             g.aggfinalextra, g.aggmfinalextra, g.aggfinalmodify, g.aggmfinalmodify,
                             nullif(g.aggsortop, 0)::regoperator, g.aggtranstype::regtype, g.aggtransspace,
                             nullif(g.aggmtranstype, 0)::regtype, g.aggmtransspace,
                             quote_nullable(g.agginitval), quote_nullable(g.aggminitval), p.proparallel)
            FROM pg_aggregate g WHERE g.aggfnoid = p.oid) END,
       {_NUMBER.format("pg_proc", "p.oid")}
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
WHERE {_ROUTINE} AND NOT EXISTS (
    SELECT FROM pg_depend i WHERE i.classid = 'pg_proc'::regclass AND i.objid = p.oid AND i.deptype = 'i')"""

# Those that belong to a constraint are seen there; an invalid index is one that pg_dump leaves behind too.
_INDEXES = f"""
SELECT 'index', n.nspname, c.relname, format('%I.%I', n.nspname, x.relname), pg_get_indexdef(i.indexrelid),
       {_NUMBER.format("pg_class", "x.oid")}
FROM pg_index i JOIN pg_class x ON x.oid = i.indexrelid JOIN pg_class c ON c.oid = i.indrelid {_JOIN}
WHERE (i.indisvalid OR x.relkind = 'I') AND c.relpersistence <> 't' AND {_RELATION} AND NOT EXISTS (
    SELECT FROM pg_constraint k WHERE k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x'))"""

_ATTACHED_INDEXES = f"""
SELECT 'index attachment', n.nspname, c.relname, h.inhrelid::regclass::text, h.inhparent::regclass::text,
       {_NUMBER.format("pg_class", "h.inhrelid")}
FROM pg_inherits h JOIN pg_index i ON i.indexrelid = h.inhrelid JOIN pg_class c ON c.oid = i.indrelid {_JOIN}
WHERE {_RELATION}"""

_CONSTRAINTS = f"""
SELECT CASE k.contype WHEN 'c' THEN 'check' WHEN 'p' THEN 'primary key' WHEN 'u' THEN 'unique'
           WHEN 'f' THEN 'foreign key' WHEN 'x' THEN 'exclusion' ELSE 'constraint trigger' END,
       n.nspname, c.relname, {_PART.format("k.conname")}, pg_get_constraintdef(k.oid),
       {_NUMBER.format("pg_constraint", "k.oid")}
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid {_JOIN}
WHERE k.contype IN ('c', 'p', 'u', 'x', 't', 'f') AND (k.contype <> 'f' OR k.conparentid = 0)
  AND c.relpersistence <> 't' AND {_RELATION}"""

_TRIGGERS = f"""
SELECT 'trigger', n.nspname, c.relname, {_PART.format("g.tgname")},
       pg_get_triggerdef(g.oid) || ' enabled ' || g.tgenabled::text, {_NUMBER.format("pg_trigger", "g.oid")}
FROM pg_trigger g JOIN pg_class c ON c.oid = g.tgrelid {_JOIN}
WHERE NOT g.tgisinternal AND g.tgname <> '{FENCE}' {{own}} AND {_RELATION}"""

_RULES = f"""
SELECT 'rule', n.nspname, c.relname, {_PART.format("r.rulename")},
       pg_get_ruledef(r.oid) || ' enabled ' || r.ev_enabled::text, {_NUMBER.format("pg_rewrite", "r.oid")}
FROM pg_rewrite r JOIN pg_class c ON c.oid = r.ev_class {_JOIN}
WHERE r.rulename <> '_RETURN' AND {_RELATION}"""

_POLICIES = f"""
SELECT 'policy', n.nspname, c.relname, {_PART.format("y.polname")},
       concat_ws(' | ', y.polcmd, y.polpermissive,
           (SELECT string_agg(CASE WHEN o = 0 THEN 'public' ELSE pg_get_userbyid(o) END, ', ' ORDER BY 1)
            FROM unnest(y.polroles) o)), {_NUMBER.format("pg_policy", "y.oid")}
FROM pg_policy y JOIN pg_class c ON c.oid = y.polrelid {_JOIN} WHERE {_RELATION}
UNION ALL
SELECT x.kind, n.nspname, c.relname, {_PART.format("y.polname")}, x.expression,
       {_NUMBER.format("pg_policy", "y.oid")}
FROM pg_policy y JOIN pg_class c ON c.oid = y.polrelid {_JOIN}, LATERAL (
    VALUES ('policy using', pg_get_expr(y.polqual, y.polrelid)),
           ('policy check', pg_get_expr(y.polwithcheck, y.polrelid))
) AS x (kind, expression) WHERE x.expression IS NOT NULL AND {_RELATION}"""

_SETTINGS = f"""
SELECT 'row security', n.nspname, c.relname, {_NAME}, 'enabled', {_OF_RELATION}
FROM pg_class c {_JOIN} WHERE c.relrowsecurity AND {_RELATION}
UNION ALL
SELECT '{FORCED}', n.nspname, c.relname, {_NAME}, 'forced', {_OF_RELATION}
FROM pg_class c {_JOIN} WHERE c.relforcerowsecurity AND {_RELATION}
UNION ALL
SELECT 'rows of materialized view', n.nspname, c.relname, {_NAME}, 'filled', {_OF_RELATION}
FROM pg_class c {_JOIN} WHERE c.relkind = 'm' AND c.relispopulated AND {_RELATION}
UNION ALL
SELECT 'replica identity', n.nspname, c.relname, {_NAME},
       concat_ws(' ', c.relreplident, (SELECT i.indexrelid::regclass::text FROM pg_index i
                                       WHERE i.indrelid = c.oid AND i.indisreplident)),
       {_OF_RELATION}
FROM pg_class c {_JOIN} WHERE c.relkind IN ('r', 'p') AND c.relreplident <> 'd' AND {_RELATION}
UNION ALL
SELECT 'clustering', n.nspname, c.relname, {_NAME}, i.indexrelid::regclass::text, {_OF_RELATION}
FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid {_JOIN} WHERE i.indisclustered AND {_RELATION}
UNION ALL
SELECT 'options of key', n.nspname, c.relname, {_PART.format("k.conname")},
       {_SORTED.format("x.reloptions")}, {_NUMBER.format("pg_constraint", "k.oid")}
FROM pg_constraint k JOIN pg_class x ON x.oid = k.conindid JOIN pg_class c ON c.oid = k.conrelid {_JOIN}
WHERE k.contype IN ('p', 'u', 'x') AND x.reloptions IS NOT NULL AND {_RELATION}
UNION ALL
SELECT 'compression', n.nspname, c.relname, {_PART.format("a.attname")},
       to_jsonb(a) ->> 'attcompression', {_OF_RELATION}
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid {_JOIN}
WHERE a.attnum > 0 AND NOT a.attisdropped AND c.relkind IN ('r', 'p', 'm')
  AND coalesce(to_jsonb(a) ->> 'attcompression', '') <> '' AND c.relpersistence <> 't' AND {_RELATION}"""

# Dump and restore put what a child inherits before what is its own.
_ORDERS = f"""
SELECT 'column order', n.nspname, c.relname, {_NAME},
       (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FROM pg_attribute a
        WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped), {_OF_RELATION}
FROM pg_class c {_JOIN}
WHERE c.relkind IN ('r', 'p', 'f', 'c') AND c.relpersistence <> 't' AND {_RELATION}
  AND (c.relispartition OR NOT EXISTS (SELECT FROM pg_inherits i WHERE i.inhrelid = c.oid))"""

# pg_dump does not see that triggers of a constraint are off, and makes it anew with those on.
_OFF = f"""
SELECT '{DISABLED}', n.nspname, c.relname, {_PART.format("k.conname")},
       string_agg(DISTINCT g.tgenabled::text, ' '), {_NUMBER.format("pg_constraint", "k.oid")}
FROM pg_constraint k JOIN pg_trigger g ON g.tgconstraint = k.oid JOIN pg_class c ON c.oid = k.conrelid {_JOIN}
WHERE k.contype IN ('f', 'p', 'u', 'x') AND g.tgisinternal AND g.tgenabled <> 'O'
  AND k.conparentid = 0 AND c.relpersistence <> 't' AND {_RELATION}
GROUP BY n.nspname, c.relname, k.conname, k.oid"""

# No target is -1 until 16, NULL since then; before 13 there are none.
_TARGET = "nullif(to_jsonb(s) ->> 'stxstattarget', '-1')"
_STATISTICS = f"""
SELECT 'statistics', n.nspname, c.relname, format('%I.%I', n.nspname, s.stxname),
       pg_get_statisticsobjdef(s.oid), {_NUMBER.format("pg_statistic_ext", "s.oid")}
FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid {_JOIN} WHERE {_RELATION}
UNION ALL
SELECT 'statistics target', n.nspname, c.relname, format('%I.%I', n.nspname, s.stxname),
       {_TARGET}, {_NUMBER.format("pg_statistic_ext", "s.oid")}
FROM pg_statistic_ext s JOIN pg_class c ON c.oid = s.stxrelid {_JOIN}
WHERE {_TARGET} IS NOT NULL AND {_RELATION}"""

# Kinds of which there are few: (catalog, the definition in terms of a row ``x`` of it). What versions keep in
# columns of different names is read by way of JSON. Locales of ICU in the old spelling
# (``de@collation=…``) are rewritten by later versions.
_FEW: tuple[tuple[str, str], ...] = (
    ("pg_am", "x.amtype::text"),
    ("pg_cast", "concat_ws(' ', x.castcontext, x.castmethod, nullif(x.castfunc, 0)::regprocedure)"),
    (
        "pg_collation",
        "concat_ws(' ', x.collprovider, to_jsonb(x) -> 'collisdeterministic', "
        "CASE x.collprovider WHEN 'c' THEN concat_ws(' ', x.collcollate, x.collctype) END, "
        "CASE WHEN x.collprovider = 'i' THEN (SELECT replace(lower(l), '_', '-') FROM (VALUES (coalesce("
        "to_jsonb(x) ->> 'colllocale', to_jsonb(x) ->> 'colliculocale', to_jsonb(x) ->> 'collcollate'))) "
        "AS v (l) WHERE l !~ '@') END, to_jsonb(x) ->> 'collicurules')",
    ),
    ("pg_conversion", "concat_ws(' ', x.conforencoding, x.contoencoding, x.conproc, x.condefault)"),
    ("pg_foreign_data_wrapper", _SORTED.format("x.fdwoptions")),
    (
        "pg_foreign_server",
        "concat_ws(' ', (SELECT w.fdwname FROM pg_foreign_data_wrapper w WHERE w.oid = x.srvfdw), "
        f"x.srvtype, x.srvversion, {_SORTED.format('x.srvoptions')})",
    ),
    ("pg_language", "x.lanpltrusted::text"),
    ("pg_opclass", "concat_ws(' ', x.opcintype::regtype, x.opcdefault, nullif(x.opckeytype, 0)::regtype)"),
    (
        "pg_operator",
        "concat_ws(' ', x.oprcode::regprocedure, nullif(x.oprcom, 0)::regoperator, x.oprcanmerge, "
        "nullif(x.oprnegate, 0)::regoperator, nullif(x.oprrest, 0)::regproc, "
        "nullif(x.oprjoin, 0)::regproc, x.oprcanhash)",
    ),
    (
        "pg_opfamily",
        "concat_ws(' ', (SELECT string_agg(concat_ws(' ', o.amopstrategy, o.amopopr::regoperator), ', ' "
        "ORDER BY o.amopstrategy, o.amopopr::regoperator::text) FROM pg_amop o WHERE o.amopfamily = x.oid), "
        "(SELECT string_agg(concat_ws(' ', f.amprocnum, f.amproc), ', ' "
        "ORDER BY f.amprocnum, f.amproc::text) FROM pg_amproc f WHERE f.amprocfamily = x.oid))",
    ),
    ("pg_transform", "concat_ws(' ', x.trffromsql::regproc, x.trftosql::regproc)"),
    (
        "pg_ts_config",
        "concat_ws(' ', x.cfgparser, (SELECT string_agg(concat_ws(' ', m.maptokentype, "
        "m.mapdict::regdictionary), ', ' ORDER BY m.maptokentype, m.mapseqno) "
        "FROM pg_ts_config_map m WHERE m.mapcfg = x.oid))",
    ),
    (
        "pg_ts_dict",
        "concat_ws(' ', (SELECT t.tmplname FROM pg_ts_template t WHERE t.oid = x.dicttemplate), "
        "x.dictinitoption)",
    ),
    ("pg_ts_parser", "''"),
    ("pg_ts_template", "''"),
)

# An operator without a function is only a promise, which pg_dump does not make again.
_OTHERS = f"""
SELECT d.type, coalesce(d.schema, ''), '', d.identity, o.definition, o.class::oid::bigint, o.oid::bigint
FROM (
    {{}}
) o (class, oid, definition), pg_identify_object(o.class, o.oid, 0) d
WHERE o.oid >= {FIRST_OWN} AND coalesce(d.schema, '') !~ '^pg_' AND d.identity IS NOT NULL
AND NOT EXISTS (SELECT FROM pg_operator p
                WHERE o.class = 'pg_operator'::regclass AND p.oid = o.oid AND p.oprcode = 0)
AND NOT EXISTS (SELECT FROM pg_depend e
                WHERE e.classid = o.class AND e.objid = o.oid AND e.deptype = 'e')""".format(
    "\n    UNION ALL ".join(
        f"SELECT '{catalog}'::regclass, x.oid, {definition} FROM {catalog} x WHERE x.oid >= {FIRST_OWN}"
        for catalog, definition in _FEW
    )
)

_COMMENTS = f"""
SELECT 'comment', coalesce(d.schema, a.object_names[1], ''), coalesce(c.relname, ''),
       d.type || ' ' || d.identity, o.description, o.classoid::bigint, o.objoid::bigint
FROM pg_description o
CROSS JOIN pg_identify_object(o.classoid, o.objoid, o.objsubid) d
CROSS JOIN pg_identify_object_as_address(o.classoid, o.objoid, o.objsubid) a
LEFT JOIN pg_class c ON c.oid = coalesce(
    CASE WHEN o.classoid = 'pg_class'::regclass
         THEN coalesce((SELECT i.indrelid FROM pg_index i WHERE i.indexrelid = o.objoid), o.objoid) END,
    (SELECT nullif(k.conrelid, 0) FROM pg_constraint k
     WHERE o.classoid = 'pg_constraint'::regclass AND k.oid = o.objoid),
    (SELECT g.tgrelid FROM pg_trigger g WHERE o.classoid = 'pg_trigger'::regclass AND g.oid = o.objoid),
    (SELECT y.polrelid FROM pg_policy y WHERE o.classoid = 'pg_policy'::regclass AND y.oid = o.objoid),
    (SELECT r.ev_class FROM pg_rewrite r WHERE o.classoid = 'pg_rewrite'::regclass AND r.oid = o.objoid))
WHERE (o.objoid >= {FIRST_OWN} OR o.classoid = 'pg_namespace'::regclass AND o.objoid = {PUBLIC})
  AND NOT (o.classoid = 'pg_namespace'::regclass AND d.identity = 'public'
           AND o.description = 'standard public schema')
  AND o.classoid NOT IN ('pg_extension'::regclass, 'pg_largeobject'::regclass, 'pg_event_trigger'::regclass,
                         'pg_publication'::regclass, 'pg_subscription'::regclass)
  AND NOT EXISTS (SELECT FROM pg_depend e
                  WHERE e.classid = o.classoid AND e.objid = o.objoid AND e.deptype = 'e')"""

_ALWAYS = (
    _SCHEMAS,
    _EXTENSIONS,
    _RELATIONS,
    _VIEWS,
    _COLUMNS,
    _ORDERS,
    _OFF,
    _DEFAULTS,
    _PARTITION_KEYS,
    _SEQUENCES,
    _TYPES,
    _DOMAINS,
    _ROUTINES,
    _INDEXES,
    _ATTACHED_INDEXES,
    _CONSTRAINTS,
    _RULES,
    _POLICIES,
    _SETTINGS,
    _STATISTICS,
    _OTHERS,
    _COMMENTS,
)

# Since 13 a trigger that a partition has from its parent says so; before, it counted as internal.
_KNOWS_TRIGGER_PARENT = 130000
_OWN_TRIGGER = """AND (g.tgparentid = 0 OR g.tgenabled <> (
    SELECT p.tgenabled FROM pg_trigger p WHERE p.oid = g.tgparentid))"""


def queries(server_version: int) -> tuple[str, ...]:
    """Return the queries for a server of ``server_version`` (as libpq counts)."""
    own = _OWN_TRIGGER if server_version >= _KNOWS_TRIGGER_PARENT else ""
    return (*_ALWAYS, _TRIGGERS.format(own=own))
