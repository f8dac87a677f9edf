#!/bin/bash
# Serve behind nginx: nginx.sh [PORT [PORT OF THE SERVICE [OPTIONS OF constancia serve]]].
# If one of the two processes ends, the other is stopped. On SIGTERM nginx ends first, after its last
# response, then the service. With -m each is a separate process group, which can be signalled.
set -ufm

here=$(dirname "$(readlink -f "$0")")
port=${1:-8000}
service_port=${2:-8001}
set -- "${@:3}"

folder=$(mktemp -d)
chmod 755 "$folder" # nginx's workers run as another user if this runs as root
trap 'rm -rf "$folder"' EXIT
stopping=
trap 'stopping=yes; kill -QUIT ${nginx:-} 2>/dev/null' TERM INT
# Each slow client needs two or three file descriptors.
ulimit -n "$(ulimit -H -n)"

# The service reads neither these settings nor the proxies; nginx would not name the wrong one.
refuse() { # NAME VALUE WHAT TO SEND INSTEAD
    echo "Error: $1 is '$2': use $3." >&2
    exit 1
}
connections=${CONSTANCIA_CONNECTIONS_PER_ADDRESS:-500}
rate=${CONSTANCIA_RATE_PER_ADDRESS:-100}
for setting in "CONNECTIONS $connections" "RATE $rate"; do
    value=${setting#* }
    if ! [[ $value =~ ^[1-9][0-9]{0,4}$ ]] || ((value > 65535)); then
        refuse "CONSTANCIA_${setting%% *}_PER_ADDRESS" "$value" "an integer from 1 to 65535"
    fi
done
trusted=
proxies=
for proxy in $(tr , ' ' <<< "${CONSTANCIA_TRUSTED_PROXIES:-}"); do
    if ! [[ $proxy =~ ^[0-9A-Fa-f:.]+(/[0-9]+)?$ ]]; then
        refuse CONSTANCIA_TRUSTED_PROXIES "$proxy" \
            "addresses or networks with commas between them, such as 127.0.0.1,10.0.0.0/8"
    fi
    trusted+="set_real_ip_from $proxy; "
    proxies+="$proxy 1; "
done
sed -e "s|@CONNECTIONS@|$connections|; s|@RATE@|$rate|; s|@BURST@|$((5 * rate))|" -e "s|@PORT@|$port|; s|@SERVICE@|127.0.0.1:$service_port|; s|@FOLDER@|$folder|" \
    -e "s|@HERE@|$here|; s|@TRUSTED@|$trusted|; s|@PROXIES@|$proxies|" "$here/nginx.conf" > "$folder/nginx.conf"

# nginx resolves the client's address; the service trusts nginx alone.
CONSTANCIA_TRUSTED_PROXIES=127.0.0.1 constancia serve --port "$service_port" "$@" &
service=$!
nginx -e stderr -c "$folder/nginx.conf" &
nginx=$!
# The service announces its own port only.
echo "Connect to nginx on port $port. Behind it, the service listens on port $service_port."
[ "$stopping" ] || wait -n "$nginx" "$service"

# Signal the group, since the workers of a killed nginx master continue.
kill -QUIT -- "-$nginx" 2>/dev/null
wait "$nginx"
kill -TERM "$service" 2>/dev/null
wait "$service"
[ "$stopping" ]
