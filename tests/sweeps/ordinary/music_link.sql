-- How things {a} and {b} are linked.
CREATE TABLE l_{a}_{b} (
    id serial PRIMARY KEY, entity0 integer NOT NULL REFERENCES {a}, entity1 integer NOT NULL REFERENCES {b},
    edits_pending integer NOT NULL DEFAULT 0 CHECK (edits_pending >= 0), entity0_credit text NOT NULL DEFAULT '',
    last_updated timestamptz DEFAULT now(), link_order smallint DEFAULT 0);
CREATE UNIQUE INDEX l_{a}_{b}_uniq ON l_{a}_{b} (entity0, entity1, link_order);
CREATE INDEX l_{a}_{b}_entity1 ON l_{a}_{b} (entity1);
CREATE TRIGGER touched BEFORE UPDATE ON l_{a}_{b} FOR EACH ROW EXECUTE FUNCTION touched();
INSERT INTO l_{a}_{b} (entity0, entity1) SELECT n, 1 + n % 20 FROM generate_series(1, 20) n;
