-- why: settings, and so the claims
SELECT set_config('app.current_user_id', '2', false)
