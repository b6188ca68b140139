-- why: settings, read
SELECT current_setting('app.current_user_id')
