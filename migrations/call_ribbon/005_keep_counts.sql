-- Counts that are kept rather than counted. The functions run with their owner's rights, so that nobody needs the
-- right to write a count; each touches rows of the client whose row was written, and no others.

CREATE FUNCTION keep_customer_counts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.client_id = OLD.client_id AND NEW.customer_id = OLD.customer_id
     AND NEW.initiated_at = OLD.initiated_at THEN
    UPDATE customers SET total_call_duration = total_call_duration + coalesce(NEW.duration, 0) - coalesce(OLD.duration, 0)
      WHERE client_id = NEW.client_id AND customer_id = NEW.customer_id;
    RETURN NULL;
  END IF;
  IF TG_OP <> 'INSERT' THEN
    UPDATE customers SET
        total_calls = total_calls - 1,
        total_call_duration = total_call_duration - coalesce(OLD.duration, 0),
        last_call_date = (
          SELECT max(s.initiated_at) FROM call_sessions s
          WHERE s.client_id = OLD.client_id AND s.customer_id = OLD.customer_id)
      WHERE client_id = OLD.client_id AND customer_id = OLD.customer_id;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    UPDATE customers SET
        total_calls = total_calls + 1,
        total_call_duration = total_call_duration + coalesce(NEW.duration, 0),
        last_call_date = greatest(last_call_date, NEW.initiated_at)
      WHERE client_id = NEW.client_id AND customer_id = NEW.customer_id;
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER call_sessions_customer_counts
  AFTER INSERT OR DELETE OR UPDATE OF client_id, customer_id, duration, initiated_at ON call_sessions
  FOR EACH ROW EXECUTE FUNCTION keep_customer_counts();

-- A call counts in the month that it began in; deleting it later does not make it undone.
CREATE FUNCTION count_call_of_month() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  this_month DATE := date_trunc('month', now() AT TIME ZONE 'UTC');
BEGIN
  IF date_trunc('month', NEW.initiated_at) = this_month THEN
    UPDATE clients SET
        calls_this_month = CASE WHEN calls_month = this_month THEN calls_this_month ELSE 0 END + 1,
        calls_month = this_month
      WHERE client_id = NEW.client_id;
  END IF;
  RETURN NULL;
END
$$;

CREATE TRIGGER call_sessions_month_count AFTER INSERT ON call_sessions
  FOR EACH ROW EXECUTE FUNCTION count_call_of_month();

CREATE FUNCTION add_standard_dispositions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
BEGIN
  INSERT INTO dispositions (client_id, code, label, needs_follow_up, sort_order) VALUES
    (NEW.client_id, 'interested', 'Interested', true, 1),
    (NEW.client_id, 'not_interested', 'Not interested', false, 2),
    (NEW.client_id, 'call_back', 'Call back later', true, 3),
    (NEW.client_id, 'no_answer', 'No answer', true, 4),
    (NEW.client_id, 'busy', 'Busy', true, 5),
    (NEW.client_id, 'voicemail', 'Left a voicemail', false, 6),
    (NEW.client_id, 'wrong_number', 'Wrong number', false, 7),
    (NEW.client_id, 'resolved', 'Resolved', false, 8);
  RETURN NULL;
END
$$;

CREATE TRIGGER clients_standard_dispositions AFTER INSERT ON clients
  FOR EACH ROW EXECUTE FUNCTION add_standard_dispositions();
