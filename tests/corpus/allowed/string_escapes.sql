-- why: E strings
SELECT E'a\tb\n\'q\' \x41 \101 \u00e9', e'\\'
