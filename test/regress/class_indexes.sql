-- An index of every operator class on the table items.
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
