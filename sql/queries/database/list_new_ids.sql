-- Lists new ids for records that are inserted together.
SELECT uuidv7() AS id FROM generate_series(1, %(many)s)
