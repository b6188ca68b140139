-- Questions that are asked often. Each view reads with the rights of whoever asks (security_invoker), so row-level
-- security of the tables below holds through it: without that it would read with its owner's, past every filter.

CREATE VIEW active_calls WITH (security_invoker = true) AS
SELECT s.client_id, s.session_id, s.customer_id, c.full_name, s.phone_number, s.call_direction, s.call_type,
       s.agent_id, s.initiated_at, s.connected_at
FROM call_sessions s
LEFT JOIN customers c ON c.client_id = s.client_id AND c.customer_id = s.customer_id
WHERE s.call_status = 'connected';

CREATE VIEW client_dashboard WITH (security_invoker = true) AS
SELECT c.client_id, c.client_name,
       (SELECT count(*) FROM call_sessions s
        WHERE s.client_id = c.client_id AND s.initiated_at >= today AND s.initiated_at < today + interval '1 day')
         AS today_calls,
       (SELECT count(*) FROM call_sessions s
        WHERE s.client_id = c.client_id AND s.initiated_at >= today - interval '7 days') AS week_calls,
       (SELECT count(*) FROM call_sessions s
        WHERE s.client_id = c.client_id AND s.call_status = 'connected') AS active_calls,
       (SELECT u.full_name FROM call_sessions s
        JOIN customers u ON u.client_id = s.client_id AND u.customer_id = s.customer_id
        WHERE s.client_id = c.client_id AND s.initiated_at >= today AND s.initiated_at < today + interval '1 day'
        GROUP BY u.customer_id, u.full_name
        ORDER BY count(*) DESC, u.full_name, u.customer_id
        LIMIT 1) AS top_customer_today
FROM clients c, CAST(CURRENT_DATE AS timestamp) AS today;  -- of the column's type: else no index serves a filtered role

CREATE VIEW hourly_call_distribution WITH (security_invoker = true) AS
SELECT client_id, extract(hour FROM initiated_at)::integer AS hour, count(*) AS calls
FROM call_sessions GROUP BY 1, 2;

CREATE VIEW weekday_call_distribution WITH (security_invoker = true) AS
SELECT client_id, extract(isodow FROM initiated_at)::integer AS weekday, count(*) AS calls
FROM call_sessions GROUP BY 1, 2;

CREATE VIEW call_duration_distribution WITH (security_invoker = true) AS
SELECT client_id,
       CASE WHEN duration < 30 THEN 'under 30 s' WHEN duration < 120 THEN '30 s to 2 min'
            WHEN duration < 300 THEN '2 to 5 min' WHEN duration < 900 THEN '5 to 15 min'
            ELSE '15 min and more' END AS bucket,
       count(*) AS calls, min(duration) AS shortest, max(duration) AS longest
FROM call_sessions WHERE duration IS NOT NULL GROUP BY 1, 2;

CREATE VIEW top_customers WITH (security_invoker = true) AS
SELECT client_id, customer_id, full_name, customer_type, segment, total_calls, total_call_duration, last_call_date,
       rank() OVER (PARTITION BY client_id ORDER BY total_calls DESC) AS place
FROM customers WHERE total_calls > 0;

CREATE VIEW agent_performance_summary WITH (security_invoker = true) AS
SELECT client_id, agent_id, count(*) AS total_calls,
       count(*) FILTER (WHERE call_status = 'completed') AS completed_calls,
       coalesce(sum(duration), 0) AS total_duration, round(avg(duration), 2) AS avg_duration,
       round(avg(quality_score), 2) AS avg_quality_score
FROM call_sessions WHERE agent_id IS NOT NULL GROUP BY 1, 2;

CREATE VIEW customer_history WITH (security_invoker = true) AS
SELECT client_id, customer_id, initiated_at AS happened_at, 'call' AS kind, call_status AS summary, session_id
FROM call_sessions WHERE customer_id IS NOT NULL
UNION ALL
SELECT client_id, customer_id, occurred_at, interaction_type, summary, session_id
FROM customer_interactions;

COMMENT ON VIEW active_calls IS 'Calls that are connected now';
COMMENT ON VIEW client_dashboard IS 'One row a client: calls of today and of the week, those active, today''s top customer';
COMMENT ON VIEW hourly_call_distribution IS 'Calls by hour of the day, 0 to 23 (UTC)';
COMMENT ON VIEW weekday_call_distribution IS 'Calls by day of the week, 1 is Monday (UTC)';
COMMENT ON VIEW call_duration_distribution IS 'Calls by how long they took';
COMMENT ON VIEW top_customers IS 'Customers by number of calls, from the counts that customers carry';
COMMENT ON VIEW agent_performance_summary IS 'Agents by their calls so far; agent_performance has them by the day';
COMMENT ON VIEW customer_history IS 'Calls and other interactions of each customer';
