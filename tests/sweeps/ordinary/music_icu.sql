-- Collations that not every server is built with.
CREATE COLLATION music.by_title (provider = icu, locale = '@colCaseFirst=lower;colNumeric=yes');
CREATE COLLATION music.insensitive (provider = icu, locale = 'und-u-ks-level2', deterministic = false);
CREATE TABLE music.sorted (name text COLLATE music.by_title, code text COLLATE music.insensitive UNIQUE);
CREATE INDEX sorted_name ON music.sorted (name COLLATE music.by_title, lower(name));
INSERT INTO music.sorted VALUES ('Track 10', 'É'), ('Track 9', 'f');
