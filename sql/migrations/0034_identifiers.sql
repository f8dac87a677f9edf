-- Identifiers, and nationalities, are sorted into their indexes at once. Those that wait to be are
-- read one by one by each search, and after a list was entered there are very many.
ALTER INDEX detainees_by_external_id SET (fastupdate = off);
ALTER INDEX detainees_by_nationality SET (fastupdate = off);
SELECT gin_clean_pending_list('detainees_by_external_id');
SELECT gin_clean_pending_list('detainees_by_nationality');
