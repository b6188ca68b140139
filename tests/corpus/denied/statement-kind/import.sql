-- why: not a query and no change of rows
IMPORT FOREIGN SCHEMA s FROM SERVER x INTO public
