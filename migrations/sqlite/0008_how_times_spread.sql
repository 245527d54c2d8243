-- Averages hide the slow call. How latencies spread is kept with the sums they belong to, in a form that adds up.

-- Each bin that holds something: its number, one byte, then its count in groups of seven bits, the lowest first. Bins of
-- values below eight are those values; above, each power of two has eight. NULL: from before this was counted.
ALTER TABLE api_request_stats ADD COLUMN latency_histogram BLOB;
ALTER TABLE api_request_stats ADD COLUMN first_byte_histogram BLOB;
