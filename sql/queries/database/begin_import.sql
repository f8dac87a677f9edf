-- A preview sees one moment of the store, whatever is written meanwhile.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ
