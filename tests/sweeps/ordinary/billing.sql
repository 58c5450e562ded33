-- Software that bills usage, as Rails writes it: keys that are random, many enums, json, soft deletion, long names.
CREATE EXTENSION IF NOT EXISTS unaccent;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TYPE customer_type AS ENUM ('company', 'individual');
CREATE TYPE invoice_status AS ENUM ('draft', 'finalized', 'voided', 'generating');
CREATE TYPE subscription_invoice_issuing_date_anchors AS ENUM ('current_period_end', 'next_period_start');
CREATE FUNCTION set_updated() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.updated_at = now(); RETURN NEW; END $$;
CREATE FUNCTION keep_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.status = 'finalized' THEN RAISE EXCEPTION 'finalized: %', OLD.id; END IF;
    RETURN OLD;
END $$;
CREATE TABLE schema_migrations (version character varying NOT NULL PRIMARY KEY);
CREATE TABLE ar_internal_metadata (
    key character varying NOT NULL PRIMARY KEY, value character varying, created_at timestamp(6) without time zone NOT NULL);
CREATE TABLE organizations (
    id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY, name character varying NOT NULL,
    created_at timestamp(6) without time zone NOT NULL DEFAULT now(), updated_at timestamp(6) without time zone NOT NULL DEFAULT now(),
    premium_integrations character varying[] DEFAULT '{}'::character varying[] NOT NULL, net_payment_term integer DEFAULT 0 NOT NULL,
    slug character varying, hmac_key character varying, settings jsonb DEFAULT '{}'::jsonb NOT NULL,
    CONSTRAINT check_slug CHECK (slug ~ '^[a-z0-9-]+$'::text));
CREATE TABLE customers (
    id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY, external_id character varying NOT NULL, name character varying,
    organization_id uuid NOT NULL REFERENCES organizations, customer_type customer_type, deleted_at timestamp(6) without time zone,
    subscription_invoice_issuing_date_anchor subscription_invoice_issuing_date_anchors DEFAULT 'next_period_start' NOT NULL,
    metadata jsonb, tags character varying[] DEFAULT ARRAY[]::character varying[],
    search_name text GENERATED ALWAYS AS (lower((COALESCE(name, ''::character varying))::text)) STORED);
CREATE TABLE plans (
    id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY, organization_id uuid NOT NULL REFERENCES organizations,
    code character varying NOT NULL, amount_cents bigint NOT NULL, amount_currency character varying NOT NULL,
    parent_id uuid REFERENCES plans, bill_charges_monthly boolean, trial_period double precision, deleted_at timestamp without time zone);
CREATE TABLE subscriptions (
    id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY, customer_id uuid NOT NULL REFERENCES customers,
    plan_id uuid NOT NULL REFERENCES plans ON DELETE CASCADE, status integer NOT NULL, previous_id uuid,
    active tsrange DEFAULT tsrange('2024-01-01', NULL) NOT NULL,
    CONSTRAINT one_at_a_time EXCLUDE USING gist (customer_id WITH =, plan_id WITH =, active WITH &&) WHERE (status = 1));
ALTER TABLE subscriptions ADD CONSTRAINT fk_rails_previous FOREIGN KEY (previous_id) REFERENCES subscriptions DEFERRABLE INITIALLY DEFERRED;
CREATE TABLE invoices (
    id uuid DEFAULT gen_random_uuid() NOT NULL PRIMARY KEY, customer_id uuid REFERENCES customers, number character varying DEFAULT '' NOT NULL,
    status invoice_status DEFAULT 'finalized' NOT NULL, total_amount_cents bigint DEFAULT 0 NOT NULL, issuing_date date,
    sequential_id integer, taxes_rate double precision DEFAULT 0.0 NOT NULL, file character varying,
    created_at timestamp(6) without time zone NOT NULL DEFAULT now(), updated_at timestamp(6) without time zone NOT NULL DEFAULT now(),
    CONSTRAINT check_positive CHECK (total_amount_cents >= 0));
CREATE TABLE enriched_events_of_subscriptions_that_are_kept_for_the_reports (
    id uuid DEFAULT gen_random_uuid() NOT NULL, external_subscription_identifier character varying NOT NULL,
    "timestamp" timestamp without time zone NOT NULL, value character varying, decimal_value numeric(40,15) DEFAULT 0.0 NOT NULL,
    properties jsonb DEFAULT '{}'::jsonb NOT NULL, grouped_by jsonb) PARTITION BY RANGE ("timestamp");
CREATE TABLE events_p2024_01 PARTITION OF enriched_events_of_subscriptions_that_are_kept_for_the_reports
    FOR VALUES FROM ('2024-01-01') TO ('2024-02-01');
CREATE TABLE events_default PARTITION OF enriched_events_of_subscriptions_that_are_kept_for_the_reports DEFAULT;
INSERT INTO schema_migrations SELECT (20240101000000 + n)::text FROM generate_series(1, 300) n;
INSERT INTO ar_internal_metadata VALUES ('environment', 'production', '2024-01-01 00:00:00.123456');
INSERT INTO organizations (id, name, slug, settings)
SELECT md5('o' || n)::uuid, 'Org ' || n, 'org-' || n, jsonb_build_object('n', n, 'é', '\u0041', 'big', 1e30) FROM generate_series(1, 5) n;
INSERT INTO customers (id, external_id, name, organization_id, customer_type, deleted_at, metadata)
SELECT md5('c' || n)::uuid, 'ext_' || n % 90, nullif('Çağla ' || n, 'Çağla 7'), md5('o' || 1 + n % 5)::uuid,
    CASE n % 2 WHEN 0 THEN 'company'::customer_type END, CASE WHEN n > 90 THEN timestamp '2024-01-01' END, '{"a": [1, 2.50, null]}'
FROM generate_series(1, 100) n;
INSERT INTO plans (id, organization_id, code, amount_cents, amount_currency)
SELECT md5('p' || n)::uuid, md5('o' || 1 + n % 5)::uuid, 'plan_' || n, n * 100, 'EUR' FROM generate_series(1, 10) n;
UPDATE plans SET parent_id = md5('p1')::uuid WHERE code <> 'plan_1';
INSERT INTO subscriptions (id, customer_id, plan_id, status)
SELECT md5('s' || n)::uuid, md5('c' || n)::uuid, md5('p' || 1 + n % 10)::uuid, n % 2 FROM generate_series(1, 100) n;
UPDATE subscriptions SET previous_id = md5('s2')::uuid WHERE status = 1;
INSERT INTO invoices (id, customer_id, status, total_amount_cents, sequential_id)
SELECT md5('i' || n)::uuid, md5('c' || n)::uuid, (enum_range(NULL::invoice_status))[1 + n % 4], n, n FROM generate_series(1, 100) n;
INSERT INTO enriched_events_of_subscriptions_that_are_kept_for_the_reports (external_subscription_identifier, "timestamp", decimal_value)
SELECT 'sub_' || n, timestamp '2024-01-20' + n * interval '1 h', n / 3.0 FROM generate_series(1, 500) n;
CREATE UNIQUE INDEX index_customers_on_external_id_and_organization_id ON customers (external_id, organization_id) WHERE deleted_at IS NULL;
CREATE INDEX index_customers_on_metadata ON customers USING gin (metadata jsonb_path_ops);
CREATE INDEX index_customers_on_tags ON customers USING gin (tags);
CREATE UNIQUE INDEX index_unique_invoice_number ON invoices (customer_id, sequential_id) WHERE status = ANY (ARRAY['finalized'::invoice_status, 'voided'::invoice_status]);
CREATE INDEX index_invoices_covering ON invoices (customer_id) INCLUDE (total_amount_cents, issuing_date);
CREATE UNIQUE INDEX index_plans_nulls ON plans (code, parent_id) NULLS NOT DISTINCT;
CREATE INDEX index_events_lookup ON enriched_events_of_subscriptions_that_are_kept_for_the_reports
    (external_subscription_identifier, "timestamp" DESC NULLS LAST);
CREATE INDEX index_invoices_brin ON invoices USING brin (created_at) WITH (pages_per_range = 8);
CREATE INDEX index_customers_by_hash ON customers USING hash (name);
ALTER TABLE invoices ADD CONSTRAINT fk_rails_not_checked FOREIGN KEY (customer_id) REFERENCES customers NOT VALID;
ALTER TABLE invoices ADD CONSTRAINT invoices_number_given CHECK (number <> 'none') NOT VALID;
CREATE TRIGGER set_updated BEFORE UPDATE ON organizations FOR EACH ROW WHEN (OLD.* IS DISTINCT FROM NEW.*) EXECUTE FUNCTION set_updated();
CREATE TRIGGER keep_invoice BEFORE DELETE ON invoices FOR EACH ROW EXECUTE FUNCTION keep_invoice();
CREATE VIEW exports_customers AS
SELECT c.organization_id, c.id AS lago_id, c.name,
    CASE c.customer_type WHEN 'company'::customer_type THEN 'firm'::text ELSE 'person'::text END AS kind,
    (SELECT json_agg(json_build_object('id', i.id, 'status', i.status) ORDER BY i.sequential_id) FROM invoices i WHERE i.customer_id = c.id) AS invoices,
    NULL AS nothing
FROM customers c UNION ALL SELECT o.id, o.id, o.name, 'organization', NULL, NULL FROM organizations o;
CREATE MATERIALIZED VIEW last_month AS
SELECT c.organization_id, i.status, date_trunc('month', i.created_at) AS month, count(*) AS n
FROM invoices i JOIN customers c ON c.id = i.customer_id GROUP BY 1, 2, 3 WITH NO DATA;
CREATE VIEW flat AS
SELECT s.*, p.code, p.amount_cents, row_number() OVER (PARTITION BY s.customer_id ORDER BY p.amount_cents DESC) AS place
FROM subscriptions s JOIN plans p ON p.id = s.plan_id
    LEFT JOIN LATERAL (SELECT e.value FROM enriched_events_of_subscriptions_that_are_kept_for_the_reports e LIMIT 1) last ON true;
