-- why: a domain whose check runs a function
SELECT 'x'::evil.dom
