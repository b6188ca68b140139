-- why: nothing at all
;
