#!/bin/bash
# Serves by way of nginx: nginx.sh [PORT [PORT OF THE SERVICE [OPTIONS OF constancia serve]]].
# Both end when either does, or on SIGTERM: nginx when it has answered all that it took, then the
# service.
# With -m each is a group of processes of its own, to be ended by its number.
set -um

port=${1:-8000}
own=${2:-8001}
set -- "${@:3}"

folder=$(mktemp -d)
chmod 755 "$folder" # where we are root nginx is not
trap 'rm -rf "$folder"' EXIT
ended=
trap 'ended=yes; kill -QUIT ${nginx:-} 2>/dev/null' TERM INT
# Each slow client takes two files or three.
ulimit -n "$(ulimit -H -n)"

# Nobody but these may say for whom they ask.
trusted=
for proxy in $(tr , ' ' <<< "${CONSTANCIA_TRUSTED_PROXIES:-}"); do
    trusted+="set_real_ip_from $proxy; "
done
sed -e "s|@PORT@|$port|; s|@SERVICE@|127.0.0.1:$own|; s|@FOLDER@|$folder|; s|@TRUSTED@|$trusted|" \
    "$(dirname "$0")/nginx.conf" > "$folder/nginx.conf"

CONSTANCIA_TRUSTED_PROXIES=127.0.0.1 constancia serve --port "$own" "$@" &
service=$!
nginx -e stderr -c "$folder/nginx.conf" &
nginx=$!
[ "$ended" ] || wait -n "$nginx" "$service"

# Those whom a killed nginx left behind as well.
kill -QUIT -- "-$nginx" 2>/dev/null
wait "$nginx"
kill -TERM "$service" 2>/dev/null
wait "$service"
[ "$ended" ]
