-- Measurements, six views, and the risk that a customer is.

CREATE TABLE system_metrics (
  id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  metric_type VARCHAR(50) NOT NULL
    CONSTRAINT system_metrics_type_known CHECK (metric_type IN ('performance', 'business')),
  metric_name VARCHAR(100) NOT NULL,
  value NUMERIC NOT NULL,
  unit VARCHAR(20),
  dimensions JSONB NOT NULL DEFAULT '{}'
    CONSTRAINT system_metrics_dimensions_object CHECK (jsonb_typeof(dimensions) = 'object'),
  recorded_at TIMESTAMPTZ NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE INDEX idx_system_metrics_name ON system_metrics (metric_name, recorded_at DESC);
CREATE INDEX idx_system_metrics_recorded_at ON system_metrics (recorded_at DESC);

COMMENT ON TABLE system_metrics IS 'Measurements of the system and of the business';
COMMENT ON COLUMN system_metrics.dimensions IS 'What the value is of: {"channel": "email"}';

-- The views read with the rights of whoever asks (security_invoker), so that row filters hold through them.
-- They state no order: that is for the query, which knows how many rows it wants.

CREATE VIEW v_active_campaigns WITH (security_invoker = true) AS
SELECT c.id, c.name, c.status, c.current_step, jsonb_array_length(c.escalation_steps) AS total_steps,
       c.escalation_steps -> c.current_step AS next_step, c.started_at,
       c.customer_id, u.company_name, u.contact_name, u.email, u.phone, u.preferred_contact_method,
       c.payment_record_id, p.invoice_number, p.amount, p.currency, p.due_date
FROM campaigns c
JOIN customers u ON u.id = c.customer_id
LEFT JOIN payment_records p ON p.id = c.payment_record_id
WHERE c.status IN ('active', 'paused');

CREATE VIEW v_pending_tasks WITH (security_invoker = true) AS
SELECT t.id, t.type, t.priority, t.status, t.due_at, t.due_at < CURRENT_TIMESTAMP AS is_late, t.context,
       t.customer_id, u.company_name, u.contact_name, u.email, u.phone, u.preferred_contact_method,
       t.campaign_id, c.name AS campaign_name, c.current_step,
       t.assigned_agent_id, a.name AS agent_name, a.type AS agent_type, a.status AS agent_status
FROM tasks t
JOIN customers u ON u.id = t.customer_id
LEFT JOIN campaigns c ON c.id = t.campaign_id
LEFT JOIN agents a ON a.id = t.assigned_agent_id
WHERE t.status IN ('pending', 'assigned');

-- Tasks and contacts are counted apart: joined to each other, each would multiply the other.
CREATE VIEW v_agent_performance WITH (security_invoker = true) AS
SELECT a.id, a.name, a.type, a.status, a.last_active_at,
       t.total_tasks, t.completed_tasks, t.failed_tasks, t.open_tasks,
       round(100.0 * t.completed_tasks / nullif(t.completed_tasks + t.failed_tasks, 0), 1) AS success_rate_percent,
       t.average_task_seconds, x.total_contacts, x.answered_contacts, a.performance_metrics
FROM agents a
CROSS JOIN LATERAL (
  SELECT count(*) AS total_tasks,
         count(*) FILTER (WHERE status = 'completed') AS completed_tasks,
         count(*) FILTER (WHERE status = 'failed') AS failed_tasks,
         count(*) FILTER (WHERE status IN ('assigned', 'in_progress')) AS open_tasks,
         round(avg(extract(epoch FROM completed_at - started_at)), 1) AS average_task_seconds
  FROM tasks WHERE assigned_agent_id = a.id
) t
CROSS JOIN LATERAL (
  SELECT count(*) AS total_contacts,
         count(*) FILTER (WHERE status IN ('opened', 'answered', 'replied')) AS answered_contacts
  FROM contact_attempts WHERE agent_id = a.id
) x;

CREATE VIEW v_customer_communications WITH (security_invoker = true) AS
SELECT x.id, x.customer_id, u.company_name, u.contact_name, x.channel, x.status, x.duration, x.response, x.metadata,
       x.attempted_at, x.task_id, t.type AS task_type, x.campaign_id, c.name AS campaign_name,
       x.agent_id, a.name AS agent_name
FROM contact_attempts x
JOIN customers u ON u.id = x.customer_id
JOIN tasks t ON t.id = x.task_id
LEFT JOIN campaigns c ON c.id = x.campaign_id
LEFT JOIN agents a ON a.id = x.agent_id;

-- Overdue is what is past its date and not settled, whether or not a job has changed its status yet.
CREATE VIEW v_overdue_payments WITH (security_invoker = true) AS
SELECT p.id, p.invoice_number, p.amount, p.currency, p.due_date, CURRENT_DATE - p.due_date AS days_overdue, p.status,
       p.customer_id, u.company_name, u.contact_name, u.email, u.phone,
       r.risk_level, r.risk_score, r.do_not_contact
FROM payment_records p
JOIN customers u ON u.id = p.customer_id
LEFT JOIN customer_profiles r ON r.customer_id = p.customer_id
WHERE p.status IN ('pending', 'overdue', 'partial') AND p.due_date < CURRENT_DATE;

CREATE VIEW v_campaign_effectiveness WITH (security_invoker = true) AS
SELECT c.id, c.name, c.status, c.customer_id, c.current_step, c.started_at, c.completed_at,
       t.total_tasks, t.completed_tasks, x.total_contacts, x.answered_contacts,
       round(100.0 * x.answered_contacts / nullif(x.total_contacts, 0), 1) AS response_rate_percent,
       p.amount AS amount_due, p.currency, coalesce(p.status = 'paid', false) AS is_paid,
       p.paid_date - c.started_at::date AS days_to_payment, c.results
FROM campaigns c
LEFT JOIN payment_records p ON p.id = c.payment_record_id
CROSS JOIN LATERAL (
  SELECT count(*) AS total_tasks, count(*) FILTER (WHERE status = 'completed') AS completed_tasks
  FROM tasks WHERE campaign_id = c.id
) t
CROSS JOIN LATERAL (
  SELECT count(*) AS total_contacts,
         count(*) FILTER (WHERE status IN ('opened', 'answered', 'replied')) AS answered_contacts
  FROM contact_attempts WHERE campaign_id = c.id
) x;

COMMENT ON VIEW v_active_campaigns IS 'Active and paused campaigns, with their customers';
COMMENT ON VIEW v_pending_tasks IS 'Pending and assigned tasks, with all that belongs to them';
COMMENT ON VIEW v_agent_performance IS 'What each agent has done, and how well';
COMMENT ON VIEW v_customer_communications IS 'Every contact with a customer, on all channels';
COMMENT ON VIEW v_overdue_payments IS 'Payments past their date, with the customer''s risk';
COMMENT ON VIEW v_campaign_effectiveness IS 'What each campaign has brought';

-- 0 to 100, from what is known now; NULL for a customer that is unknown or that the caller may not see.
--   40  invoices past their date: 10 each
--   30  how late the customer pays: a point a day, by the paid invoices or else by the profile
--   20  contacts that stay unanswered: by the profile; 10 where it does not say
--   10  the oldest unpaid invoice: a point for every nine days
CREATE FUNCTION calculate_customer_risk_score(customer_id uuid) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE
RETURN (
  SELECT round((
    least(10 * p.overdue, 40)
    + least(coalesce(p.average_delay, r.average_payment_delay, 0), 30)
    + 20 * (1 - coalesce(r.response_rate, 0.5))
    + least(coalesce(p.oldest_days, 0) / 9.0, 10)
  )::numeric, 2)
  FROM customers u
  LEFT JOIN customer_profiles r ON r.customer_id = u.id
  CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE o.days > 0) AS overdue,
           max(o.days) AS oldest_days,
           avg(greatest(i.paid_date - i.due_date, 0)) FILTER (WHERE i.status = 'paid') AS average_delay
    FROM payment_records i
    CROSS JOIN LATERAL (
      SELECT CASE WHEN i.status IN ('pending', 'overdue', 'partial') THEN greatest(CURRENT_DATE - i.due_date, 0) END AS days
    ) o
    WHERE i.customer_id = u.id
  ) p
  WHERE u.id = calculate_customer_risk_score.customer_id
);

COMMENT ON FUNCTION calculate_customer_risk_score IS 'Risk of a customer, 0 (none) to 100; NULL where nothing is known';
