-- Locks the names of sources: nobody else adds or renames one meanwhile.
LOCK TABLE sources IN SHARE ROW EXCLUSIVE MODE
