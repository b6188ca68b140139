-- why: national strings
SELECT N'text'
