-- Few calls end in an error of one type, and of these few are of one key or client token: they are found by an index that
-- knows all three, and grows by failures alone. Sums cannot tell one error from another.

CREATE INDEX api_request_log_errors ON api_request_log (error_type, id, key_id, token_id, model)
WHERE error_type IS NOT NULL;

DELETE FROM api_request_log_blocks WHERE kind = 'error_type';
