"""The steps by which the schema came to its present shape; run by `rlm_exporter.store.upgrade`."""
