-- why: FILTER and DISTINCT in aggregates
SELECT count(*) FILTER (WHERE status = 'answered') AS answered, count(DISTINCT agent_id), sum(cost) FROM calls
