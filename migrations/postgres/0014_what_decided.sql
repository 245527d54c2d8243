-- What decided how an answer was judged.

ALTER TABLE api_request_evidence ADD COLUMN decided_by JSONB;  -- JSON: the rule, or that it was the status; NULL: nobody noted it
