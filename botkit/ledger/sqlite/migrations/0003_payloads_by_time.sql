-- Finds old payloads. `at` is stored after the body, which may have a megabyte: a scan would read it all.
CREATE INDEX payloads_at ON payloads (at);
