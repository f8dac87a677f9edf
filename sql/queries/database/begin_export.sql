-- Who reads so slowly that an hour is not enough gets no more: what is deleted meanwhile is kept.
SET LOCAL transaction_timeout = '1h'
