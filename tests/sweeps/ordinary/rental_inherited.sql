-- The same trade as it was written for older servers: payments inherit, and rules lead new ones to their month.
CREATE TABLE customer (customer_id integer PRIMARY KEY, email character varying(50), create_date date DEFAULT ('now'::text)::date);
CREATE SEQUENCE payment_payment_id_seq INCREMENT BY 1 NO MAXVALUE NO MINVALUE CACHE 1;
CREATE TABLE payment (
    payment_id integer DEFAULT nextval('payment_payment_id_seq'::regclass) NOT NULL, customer_id smallint NOT NULL,
    amount numeric(5,2) NOT NULL, payment_date timestamp without time zone NOT NULL);
ALTER SEQUENCE payment_payment_id_seq OWNED BY payment.payment_id;
CREATE TABLE payment_p2007_01 (
    CONSTRAINT payment_p2007_01_check CHECK (
        payment_date >= '2007-01-01 00:00:00'::timestamp without time zone
        AND payment_date < '2007-02-01 00:00:00'::timestamp without time zone)) INHERITS (payment);
CREATE TABLE payment_p2007_02 (
    CONSTRAINT payment_p2007_02_check CHECK (
        payment_date >= '2007-02-01 00:00:00'::timestamp without time zone
        AND payment_date < '2007-03-01 00:00:00'::timestamp without time zone)) INHERITS (payment);
CREATE RULE payment_insert_p2007_01 AS ON INSERT TO payment
    WHERE new.payment_date >= '2007-01-01' AND new.payment_date < '2007-02-01'
    DO INSTEAD INSERT INTO payment_p2007_01 (payment_id, customer_id, amount, payment_date)
        VALUES (DEFAULT, new.customer_id, new.amount, new.payment_date);
CREATE RULE payment_insert_p2007_02 AS ON INSERT TO payment
    WHERE new.payment_date >= '2007-02-01' AND new.payment_date < '2007-03-01'
    DO INSTEAD INSERT INTO payment_p2007_02 (payment_id, customer_id, amount, payment_date)
        VALUES (DEFAULT, new.customer_id, new.amount, new.payment_date);
INSERT INTO customer SELECT n, 'c' || n || '@example.org', '2006-02-14' FROM generate_series(1, 20) n;
INSERT INTO payment (customer_id, amount, payment_date)
SELECT 1 + n % 20, n / 3.0, timestamp '2007-01-01' + n * interval '11 h' FROM generate_series(1, 150) n;
ALTER TABLE payment ADD CONSTRAINT payment_pkey PRIMARY KEY (payment_id);
ALTER TABLE payment_p2007_01 ADD CONSTRAINT payment_p2007_01_customer_fkey FOREIGN KEY (customer_id) REFERENCES customer (customer_id);
CREATE INDEX idx_fk_payment_p2007_01_customer ON payment_p2007_01 USING btree (customer_id);
ALTER TABLE payment_p2007_01 CLUSTER ON idx_fk_payment_p2007_01_customer;
CREATE FUNCTION customer_balance(p_customer_id integer, p_until timestamp without time zone) RETURNS numeric LANGUAGE plpgsql AS $$
       --#OK, WE NEED TO CALCULATE
DECLARE
    v_payments DECIMAL(5,2); --#SUM OF PAYMENTS
BEGIN
    SELECT COALESCE(SUM(amount),0) INTO v_payments FROM payment WHERE payment_date <= p_until AND customer_id = p_customer_id;
    RETURN v_payments;
END
$$;
CREATE VIEW sales_by_month AS
SELECT date_trunc('month', p.payment_date) AS month, sum(p.amount) AS total FROM payment p GROUP BY (date_trunc('month', p.payment_date));
