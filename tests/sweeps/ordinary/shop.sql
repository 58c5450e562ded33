-- A trader's books, as they came from another database: small integers, fixed-width texts, pictures, reals.
CREATE TABLE groups (group_id smallint PRIMARY KEY, group_name character varying(15) NOT NULL, description text, picture bytea);
CREATE TABLE kinds_of_buyer (kind_id bpchar NOT NULL PRIMARY KEY, kind_desc text);
CREATE TABLE buyers (
    buyer_id character varying(5) NOT NULL PRIMARY KEY, company character varying(40) NOT NULL, fax character varying(24),
    country character(2));
CREATE TABLE buyer_kinds (buyer_id bpchar NOT NULL, kind_id bpchar NOT NULL REFERENCES kinds_of_buyer, PRIMARY KEY (buyer_id, kind_id));
CREATE TABLE staff (
    staff_id smallint PRIMARY KEY, last_name character varying(20) NOT NULL, birth_date date, photo bytea, notes text,
    reports_to smallint REFERENCES staff);
CREATE TABLE region (region_id smallint PRIMARY KEY, region_description bpchar NOT NULL);
CREATE TABLE territories (
    territory_id character varying(20) PRIMARY KEY, territory_description bpchar NOT NULL,
    region_id smallint NOT NULL REFERENCES region);
CREATE TABLE staff_territories (
    staff_id smallint NOT NULL REFERENCES staff, territory_id character varying(20) NOT NULL REFERENCES territories,
    PRIMARY KEY (staff_id, territory_id));
CREATE TABLE shippers (shipper_id smallint PRIMARY KEY, company character varying(40) NOT NULL);
CREATE TABLE goods (
    goods_id smallint PRIMARY KEY, goods_name character varying(40) NOT NULL, group_id smallint REFERENCES groups,
    unit_price real, units_in_stock smallint, discontinued integer NOT NULL,
    CHECK (unit_price >= 0), CHECK (units_in_stock BETWEEN 0 AND 999));
CREATE TABLE sales (
    sale_id smallint PRIMARY KEY, buyer_id character varying(5) REFERENCES buyers, staff_id smallint REFERENCES staff,
    sold date, ship_via smallint REFERENCES shippers, freight real, ship_region character varying(15));
CREATE TABLE sale_details (
    sale_id smallint NOT NULL REFERENCES sales, goods_id smallint NOT NULL REFERENCES goods, unit_price real NOT NULL,
    quantity smallint NOT NULL, discount real NOT NULL, PRIMARY KEY (sale_id, goods_id));
CREATE TABLE us_states (state_id smallint NOT NULL PRIMARY KEY, state_name varchar(100), state_abbr varchar(2));
INSERT INTO groups SELECT n, 'Group ' || n, repeat('x', n * 100), decode(repeat(md5(n::text), 100), 'hex') FROM generate_series(1, 8) n;
INSERT INTO kinds_of_buyer VALUES ('a  ', 'blanks at the end'), ('b', NULL);
INSERT INTO buyers SELECT 'B' || lpad(n::text, 3, '0'), 'Société ' || n, NULL, CASE n % 3 WHEN 0 THEN 'F' ELSE 'DE' END FROM generate_series(1, 50) n;
INSERT INTO buyer_kinds SELECT buyer_id, CASE WHEN country = 'F' THEN 'a' ELSE 'b' END FROM buyers;
INSERT INTO staff SELECT n, 'Name ' || n, date '1950-01-01' + n * 200, '\x', E'line\nline\ttab', nullif(n / 2, 0) FROM generate_series(1, 9) n;
INSERT INTO region VALUES (1, 'East      '), (2, 'West');
INSERT INTO territories SELECT lpad(n::text, 5, '0'), 'Territory ' || n, 1 + n % 2 FROM generate_series(1, 20) n;
INSERT INTO staff_territories SELECT 1 + n % 9, lpad(n::text, 5, '0') FROM generate_series(1, 20) n;
INSERT INTO shippers VALUES (1, 'Fast'), (2, 'Slow');
INSERT INTO goods SELECT n, 'Good ' || n, 1 + n % 8, n / 7.0, n % 100, n % 2 FROM generate_series(1, 77) n;
INSERT INTO sales SELECT n, 'B' || lpad((1 + n % 50)::text, 3, '0'), 1 + n % 9, date '1996-07-04' + n, 1 + n % 2, n * 0.1, NULL FROM generate_series(1, 200) n;
INSERT INTO sale_details SELECT 1 + n % 200, 1 + n / 200, 3.3, n % 30, 0.05 FROM generate_series(0, 999) n;
INSERT INTO us_states VALUES (1, 'Alabama', 'AL'), (2, 'Alaska', 'AK');
CREATE VIEW sales_by_year AS
SELECT extract(year FROM s.sold) AS year, sum(d.unit_price * d.quantity * (1 - d.discount)) AS sum
FROM sales s JOIN sale_details d USING (sale_id) GROUP BY extract(year FROM s.sold);
