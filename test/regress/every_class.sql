\set ECHO none
-- 1,501 items, of as many dimensions as :dims says, with an index of every operator
-- class.  The last one has no vector.
CREATE TABLE items (id integer PRIMARY KEY, v real[], d double precision[], b bit(:dims));
INSERT INTO items SELECT i, vec(i, :dims), vec(i, :dims), bitvec(i, :dims) FROM generate_series(1, 1500) i;
INSERT INTO items VALUES (2000);
CREATE INDEX v_l2 ON items USING annoy (v);
CREATE INDEX v_cosine ON items USING annoy (v real_cosine_ops) WITH (n_trees = 3, seed = 9);
CREATE INDEX v_ip ON items USING annoy (v real_ip_ops);
CREATE INDEX v_l1 ON items USING annoy (v real_l1_ops);
CREATE INDEX v_hamming ON items USING annoy (v real_hamming_ops);
CREATE INDEX d_l2 ON items USING annoy (d);
CREATE INDEX d_cosine ON items USING annoy (d double_cosine_ops);
CREATE INDEX d_ip ON items USING annoy (d double_ip_ops);
CREATE INDEX d_l1 ON items USING annoy (d double_l1_ops);
CREATE INDEX d_hamming ON items USING annoy (d double_hamming_ops);
CREATE INDEX b_hamming ON items USING annoy (b);
ANALYZE items;
\set ECHO all
