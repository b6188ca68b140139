-- why: a function that the policy does not list
SELECT first_agent()
