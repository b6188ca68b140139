-- why: DEFAULT where no column waits for it
SELECT DEFAULT
