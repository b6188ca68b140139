-- why: not a query and no change of rows
SET LOCAL app.current_user_id = '2'
