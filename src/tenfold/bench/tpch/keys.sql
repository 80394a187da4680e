-- Foreign keys, and an index for each that no primary key serves.
ALTER TABLE nation ADD FOREIGN KEY (n_regionkey) REFERENCES region;
ALTER TABLE supplier ADD FOREIGN KEY (s_nationkey) REFERENCES nation;
ALTER TABLE customer ADD FOREIGN KEY (c_nationkey) REFERENCES nation;
ALTER TABLE partsupp ADD FOREIGN KEY (ps_partkey) REFERENCES part, ADD FOREIGN KEY (ps_suppkey) REFERENCES supplier;
ALTER TABLE orders ADD FOREIGN KEY (o_custkey) REFERENCES customer;
ALTER TABLE lineitem
  ADD FOREIGN KEY (l_orderkey) REFERENCES orders,
  ADD FOREIGN KEY (l_partkey, l_suppkey) REFERENCES partsupp;
CREATE INDEX fk_nation_region ON nation (n_regionkey);
CREATE INDEX fk_supplier_nation ON supplier (s_nationkey);
CREATE INDEX fk_customer_nation ON customer (c_nationkey);
CREATE INDEX fk_partsupp_supplier ON partsupp (ps_suppkey);
CREATE INDEX fk_orders_customer ON orders (o_custkey);
CREATE INDEX fk_lineitem_partsupp ON lineitem (l_partkey, l_suppkey);
