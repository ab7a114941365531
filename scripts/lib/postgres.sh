#!/usr/bin/env bash
# PostgreSQL's part of a backup, from 11 on. Only functions; source it after output.sh.
#
# A dump is restored into new databases, named slipway.new.N, which take the place of
# the old ones in a single transaction: all of them or none.

# dump_postgres SERVICE FOLDER: writes a dump of each database and which rows are in it,
# roles.sql and server.json.
dump_postgres() {
    local service=$1 folder=$2 names name number=0 file
    in_postgres "$service" survey_server </dev/null >"$folder/roles.sql" || return
    head -n 1 -- "$folder/roles.sql" >"$folder/server.json"
    sed --in-place 1d -- "$folder/roles.sql"
    names=$(jq --raw-output '.databases[].name' "$folder/server.json") || return
    while IFS= read -r name; do
        file=$folder/$(printf %04d "$number")
        in_postgres "$service" dump_database "$name" </dev/null >"$file.dump" || return
        cut_off_rows "$file.dump" >"$file.rows" || return
        number=$((number + 1))
    done <<<"$names"
}

# cut_off_rows FILE: prints what dump_database has written behind the dump, and leaves the
# dump alone in FILE. What is behind it has arrived, so the dump has.
cut_off_rows() {
    local size
    size=$(tail --bytes 13 -- "$1" | tr --delete '\0')
    [[ $size =~ ^[0-9]{12}$ ]] || { printf '%s\n' "the dump has not arrived whole" >&2 && return 1; }
    size=$((10#$size))
    truncate --size=-13 -- "$1" && tail --bytes "$size" -- "$1" && truncate --size="-$size" -- "$1"
}

# check_postgres SERVICE: "ROWS TABLE" for each table of the dump on stdin.
check_postgres() {
    in_postgres "$1" count_rows
}

# restore_postgres SERVICE FOLDER MANIFEST: the databases have the content of the dumps
# in FOLDER.
restore_postgres() {
    local service=$1 folder=$2 manifest=$3 number count main file create rows names
    in_postgres "$service" end_abandoned </dev/null || return
    if jq --exit-status 'has("roles")' <<<"$manifest" >/dev/null; then
        in_postgres "$service" create_roles <"$folder/roles.sql" || return
    fi
    count=$(jq '.databases | length' <<<"$manifest") || return
    for ((number = 0; number < count; number++)); do
        file=$(jq --raw-output ".databases[$number].file" <<<"$manifest") || return
        create=$(jq --raw-output ".databases[$number].create" <<<"$manifest") || return
        in_postgres "$service" fill_database "$number" "$create" <"$folder/$file" || return
        rows=$(rows_of ".databases[$number]" "$manifest") || return
        in_postgres "$service" compare_rows "$number" <<<"$rows" || return
    done
    main=$(jq --raw-output '.main' <<<"$manifest") || return
    names=$(jq --raw-output '.databases[].name' <<<"$manifest") || return
    mapfile -t names <<<"$names"
    in_postgres "$service" swap_databases "$main" "${names[@]}" </dev/null
}

# finish_postgres SERVICE: what a restore that was killed has left is gone.
finish_postgres() {
    in_postgres "$1" end_abandoned </dev/null
}

# holds_postgres SERVICE: prints yes when any database holds something, else no.
holds_postgres() {
    in_postgres "$1" holds_data </dev/null
}

# server_postgres SERVICE: what the server has beside rows, as one JSON object.
server_postgres() {
    in_postgres "$1" describe_server </dev/null
}

# fits_postgres SERVICE VERSION: leaves with 3 unless the server can take a backup of that
# version.
fits_postgres() {
    local now
    now=$(in_postgres "$1" server_version </dev/null) || fail 3 "$1 does not say which version it is; nothing was changed"
    not_newer "$1" PostgreSQL "$2" "$now" 1
}

# in_postgres SERVICE FUNCTION ARGUMENT…: runs FUNCTION in the database's container.
in_postgres() {
    local service=$1 name=$2 functions
    shift 2
    functions=$(declare -f postgres_client sql literal end_abandoned survey_server describe_server server_version holds_anything dump_database \
        count_rows holds_data create_roles fill_database compare_rows swap_databases)
    docker compose exec -T "$service" bash -c \
        "set -euo pipefail; $functions; postgres_client; $name \"\$@\"" "$name" "$@"
}

# The functions from here on run in the database's container, so that the tools are
# those of the server, with what its official image promises: bash, awk, and the names
# of user and database.

# postgres_client: whom and what to connect to. The password, in case one is asked
# for, is read where it is.
postgres_client() {
    export PGUSER=${POSTGRES_USER:-postgres} PGAPPNAME=slipway PGPASSWORD=${POSTGRES_PASSWORD:-}
    export PGDATABASE=${POSTGRES_DB:-$PGUSER}
    if [[ -n ${POSTGRES_PASSWORD_FILE:-} ]]; then
        PGPASSWORD=$(<"$POSTGRES_PASSWORD_FILE")
    fi
}

# sql OPTION…: the bare answers to what is on stdin or in the options.
sql() {
    psql --no-psqlrc --no-password --quiet --tuples-only --no-align --set=ON_ERROR_STOP=1 "$@"
}

# literal TEXT: TEXT as a string of SQL.
literal() {
    printf "'%s'" "${1//\'/\'\'}"
}

# end_abandoned: ends the dump or restore of a caller that was killed, and removes the
# databases that it no longer needed or had not finished. One that the server keeps, for
# a replication slot in it, is in nobody's way: no other gets its name.
end_abandoned() {
    printf '%s\n' "DO \$\$ BEGIN
            PERFORM pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'slipway' AND pid <> pg_backend_pid();
            FOR try IN 1..100 LOOP
                PERFORM pg_stat_clear_snapshot();
                EXIT WHEN NOT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = 'slipway' AND pid <> pg_backend_pid());
                PERFORM pg_sleep(0.1);
            END LOOP;
        END \$\$;" \
        "SELECT format('DROP DATABASE %I', datname) FROM pg_database WHERE datname ~ '^slipway\\.(new|old)\\.' \\gexec" |
        sql --output=/dev/null --set=ON_ERROR_STOP=0
}

# survey_server: what describe_server prints, and behind it the statements that make the
# roles, without passwords.
survey_server() {
    end_abandoned
    describe_server
    pg_dumpall --roles-only --no-role-passwords --no-password
}

# describe_server: what the server has beside rows, as one JSON object: its version,
# its roles, each database with the statements that make another like it under the
# name :"name", and what a backup does not hold. The database postgres, where the
# settings name another, is there to connect to, and left out while it is empty.
describe_server() {
    local spare=''
    if [[ $PGDATABASE != postgres && $(holds_anything postgres) == no ]]; then
        spare="AND datname <> 'postgres'"
    fi
    sql --command "
        WITH open AS (SELECT d.oid AS id, d.*, to_jsonb(d) AS more FROM pg_database d
            WHERE datallowconn AND NOT datistemplate AND datname !~ '^slipway\\.' AND has_database_privilege(d.oid, 'CONNECT') $spare)
        SELECT json_build_object('server', substring(current_setting('server_version') FROM '^[^ ]+'), 'main', current_database(),
            'roles', (SELECT coalesce(json_agg(rolname ORDER BY rolname), '[]') FROM pg_roles WHERE rolname !~ '^pg_'),
            'databases', (SELECT json_agg(json_build_object('name', datname, 'create', concat_ws(E'\n',
                format('CREATE DATABASE :\"name\" TEMPLATE template0 OWNER %I ENCODING %L LC_COLLATE %L LC_CTYPE %L',
                    pg_get_userbyid(datdba), pg_encoding_to_char(encoding), datcollate, datctype)
                    || CASE more ->> 'datlocprovider' WHEN 'c' THEN ' LOCALE_PROVIDER libc'
                        WHEN 'i' THEN format(' LOCALE_PROVIDER icu ICU_LOCALE %L', coalesce(more ->> 'datlocale', more ->> 'daticulocale'))
                        WHEN 'b' THEN format(' LOCALE_PROVIDER builtin BUILTIN_LOCALE %L', more ->> 'datlocale') ELSE '' END
                    || coalesce(' ICU_RULES ' || quote_literal(more ->> 'daticurules'), '')
                    || format(' CONNECTION LIMIT %s;', datconnlimit),
                CASE WHEN datacl IS NOT NULL THEN 'REVOKE ALL ON DATABASE :\"name\" FROM PUBLIC;' END,
                (SELECT string_agg(format('GRANT %s ON DATABASE :\"name\" TO %s%s;', privilege_type,
                    CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
                    CASE WHEN is_grantable THEN ' WITH GRANT OPTION' END), E'\n') FROM aclexplode(datacl)),
                (SELECT string_agg(format(CASE setrole WHEN 0 THEN 'ALTER' ELSE 'ALTER ROLE %4\$I IN' END || ' DATABASE :\"name\" SET %1\$I TO '
                    || CASE WHEN option_name IN ('search_path', 'temp_tablespaces', 'session_preload_libraries', 'local_preload_libraries')
                        THEN '%2\$s' ELSE '%3\$L' END || ';', option_name, option_value, option_value, pg_get_userbyid(setrole)), E'\n')
                    FROM pg_db_role_setting, pg_options_to_table(setconfig) WHERE setdatabase = id),
                'COMMENT ON DATABASE :\"name\" IS ' || quote_literal(shobj_description(id, 'pg_database')) || ';')) ORDER BY datname) FROM open),
            'lacks', (SELECT json_agg(what) FROM (
                SELECT 'the passwords of the roles' AS what
                UNION ALL SELECT 'the configuration of the server'
                UNION ALL SELECT 'the places of tablespaces' WHERE EXISTS (SELECT FROM pg_tablespace WHERE spcname !~ '^pg_')
                UNION ALL SELECT 'replication slots' WHERE EXISTS (SELECT FROM pg_replication_slots)
                UNION ALL SELECT 'the programs of extensions' WHERE EXISTS (SELECT FROM pg_extension WHERE extname <> 'plpgsql')
                UNION ALL SELECT format('the database %I, to which %I may not connect', datname, current_user) FROM pg_database
                    WHERE NOT datistemplate AND NOT (datallowconn AND has_database_privilege(oid, 'CONNECT'))) lacks))"
}

# server_version: such as 17.6.
server_version() {
    sql --command "SELECT substring(current_setting('server_version') FROM '^[^ ]+')"
}

# holds_data: prints yes when any database holds something, and no when none does.
holds_data() {
    local names name found
    names=$(sql --command "SELECT datname FROM pg_database WHERE datallowconn AND NOT datistemplate AND has_database_privilege(oid, 'CONNECT')")
    while IFS= read -r name; do
        found=$(holds_anything "$name" </dev/null)
        [[ $found == no ]] || break
    done <<<"$names"
    printf '%s\n' "$found"
}

# holds_anything DATABASE: prints yes when there is a table, a view or a sequence, or a
# large object, and no when there is none.
holds_anything() {
    PGDATABASE=$1 sql --command \
        "SELECT CASE WHEN EXISTS (SELECT FROM pg_largeobject_metadata) OR EXISTS (SELECT FROM pg_class
            JOIN pg_namespace ON pg_namespace.oid = relnamespace
            WHERE nspname !~ '^pg_' AND nspname <> 'information_schema') THEN 'yes' ELSE 'no' END"
}

# dump_database DATABASE: prints a dump, behind it "ROWS TABLE" for each of its tables, and
# how many bytes these lines are, in 12 digits. The dump is read to its end while it is
# made: to bring it in here again costs more than all the rest.
dump_database() {
    local rows LC_ALL=C
    {
        # Every build of the server reads gzip, and its fastest level costs a third less
        # time. In small pieces, as pg_dump writes them, the engine is slow to pass it on.
        rows=$({
            PGDATABASE=$1 pg_dump --format=custom --compress=1 --no-password --lock-wait-timeout=60s |
                tee /dev/fd/3 | dd bs=64k iflag=fullblock status=none >&4
        } 3>&1 | count_rows)
    } 4>&1
    printf '%s%012d\n' "$rows" "${#rows}"
}

# count_rows: prints "ROWS TABLE" for each table of a dump, and reads it to its end: its
# list of contents comes first and is whole in a dump that was cut short. awk alone would
# take as long as the server; so it is given only the lines at which a table may begin or
# end, with their numbers. busybox counts them in 32 bits.
count_rows() {
    { pg_restore --data-only --file=- && cat >/dev/null; } |
        { LC_ALL=C grep -n -F -e '\.' -e ' FROM stdin;' || (($? == 1)); } | awk '
        {
            at = index($0, ":"); line = substr($0, 1, at - 1) + 0; $0 = substr($0, at + 1)
            while (line < last) { line += 4294967296 }
            last = line
        }
        inside && $0 == "\\." { print last - first - 1, table; inside = 0; next }
        !inside && match($0, /^COPY ("([^"]|"")*"|[^ ."]+)(\.("([^"]|"")*"|[^ ."]+))?/) && / FROM stdin;$/ {
            table = substr($0, 6, RLENGTH - 5); first = last; inside = 1
        }'
}

# create_roles: makes the roles of survey_server that are not there. One that is there
# keeps what it may do now.
create_roles() {
    local there
    there=$(sql --command 'SELECT quote_ident(rolname) FROM pg_roles' </dev/null)
    there=$there awk '
        function name(from) {
            if (substr($0, from, 1) != "\"") { match(substr($0, from), /^[^ ;]+/) } else { match(substr($0, from), /^"([^"]|"")*"/) }
            return substr($0, from, RLENGTH)
        }
        BEGIN { count = split(ENVIRON["there"], names, "\n"); for (i = 1; i <= count; i++) { known[names[i]] = 1 } }
        /^(CREATE|ALTER) ROLE / { if (!(name(index($0, "ROLE ") + 5) in known)) { print } next }
        /^GRANT / { role = name(7); if (!(role in known) || !(name(length("GRANT " role " TO ") + 1) in known)) { print } next }
    ' | sql --single-transaction --output=/dev/null
}

# fill_database NUMBER CREATE: makes slipway.new.NUMBER by the statements CREATE, and
# restores the dump on stdin into it.
fill_database() {
    local name=slipway.new.$1
    sql --set=name="$name" --output=/dev/null <<<"$2"
    pg_restore --no-password --exit-on-error --no-tablespaces --dbname="$name"
}

# compare_rows NUMBER: fails unless each table of slipway.new.NUMBER has the rows that
# stdin says: its own, without those of tables that inherit from it. What an extension
# fills is not in the dump, or only in part.
compare_rows() {
    local differ
    differ=$(awk 'NF {
            rows = $1; sub(/^[0-9]+ /, ""); table = $0; gsub(/\047/, "\047\047")
            printf "SELECT \047%s has not the %s rows of the backup\047 WHERE (SELECT count(*) FROM ONLY %s) <> %s AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = \047pg_class\047::regclass AND objid = \047%s\047::regclass AND deptype = \047e\047);\n", $0, rows, table, rows, $0
        }' | PGDATABASE=slipway.new.$1 sql)
    [[ -z $differ ]] || { printf '%s\n' "$differ" >&2 && return 1; }
}

# swap_databases MAIN NAME…: the databases slipway.new.0, 1, … take the places of those
# of these names, in one transaction; MAIN is that of the settings, whatever it is
# called there. Whoever is connected has to connect again.
swap_databases() {
    local main=$1 number=-1 try name names='' statements=''
    shift
    for name in "$@"; do
        [[ $name != "$main" ]] || name=$PGDATABASE
        name=$(literal "$name")
        number=$((number + 1))
        names+=${names:+, }$name,\ \'slipway.new.$number\'
        statements+="SELECT format('ALTER DATABASE %I RENAME TO %I', datname, 'slipway.old.' || oid) FROM pg_database WHERE datname = $name \\gexec
            SELECT format('ALTER DATABASE %I RENAME TO %I', 'slipway.new.$number', $name) \\gexec
            "
    done
    # The server refuses while somebody is in a database, and a client may be back at once.
    for try in 5 4 3 2 1; do
        printf '%s\n' "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname IN ($names) AND pid <> pg_backend_pid();" \
            BEGIN\; "$statements" COMMIT\; | PGDATABASE=template1 sql --output=/dev/null && break
        ((try > 1)) || return
    done
    end_abandoned
}
