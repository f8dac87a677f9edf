-- What follows in this transaction sees one moment of the store, and changes nothing.
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY
