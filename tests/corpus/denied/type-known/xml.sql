-- why: XML, which can name files and make much out of little
SELECT '<a/>'::xml
