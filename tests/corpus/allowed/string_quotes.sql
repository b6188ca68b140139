-- why: quotes inside strings
SELECT 'it''s', 'a\b', '', 'two words', '-- no comment', '/* nor this */', ';'
