-- why: nothing but a comment
/* hello */
