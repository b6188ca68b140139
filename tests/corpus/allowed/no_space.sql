-- why: words without spaces between
SELECT(1)as x,'a'as"y"FROM agents WHERE(id)=(1)AND"name"<>'z'
