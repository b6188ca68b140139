-- why: dollar quotes
SELECT $$it's$$, $tag$ $$ nested $$ $tag$, $_$\n$_$
