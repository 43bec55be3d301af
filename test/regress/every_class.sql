\set ECHO none
-- 1,501 items, of as many dimensions as :dims says, with an index of every operator
-- class.  The last one has no vector.
CREATE TABLE items (id integer PRIMARY KEY, v real[], d double precision[], b bit(:dims));
INSERT INTO items SELECT i, vec(i, :dims), vec(i, :dims), bitvec(i, :dims) FROM generate_series(1, 1500) i;
INSERT INTO items VALUES (2000);
\ir class_indexes.sql
ANALYZE items;
\set ECHO all
