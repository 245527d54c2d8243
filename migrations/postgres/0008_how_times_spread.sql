-- Averages hide the slow call. How latencies spread is kept with the sums they belong to, in a form that adds up.

-- Each bin that holds something: its number times 2^48, and its count. Bins of values below eight are those values; above,
-- each power of two has eight. NULL: from before this was counted. Numbers and not bytes, so that SQL can add them up.
ALTER TABLE api_request_stats
    ADD COLUMN latency_histogram BIGINT[],
    ADD COLUMN first_byte_histogram BIGINT[];
