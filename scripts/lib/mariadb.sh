#!/usr/bin/env bash
# MariaDB's part of a backup, from 10.4 on, and MySQL's. Only functions; source it after
# output.sh and backup.sh.
#
# A dump is restored into a new database, slipway.new.N, and compared there. Then all of
# them take the places of the old ones. No statement of MariaDB does that at once; so
# what is to be done is written into the database slipway.restore first, and once that
# says that it is ready, whoever comes next carries it out to its end.

# dump_mariadb SERVICE FOLDER: writes a dump and the events of each database, users.sql
# and server.json; 3 when there is no database yet.
dump_mariadb() {
    local service=$1 folder=$2 names name number=0 file
    in_mariadb "$service" maria_survey </dev/null >"$folder/users.sql" || return 1
    head -n 1 -- "$folder/users.sql" >"$folder/server.json"
    sed --in-place 1d -- "$folder/users.sql"
    names=$(jq --raw-output '.databases[].name' "$folder/server.json") || return 1
    while IFS= read -r name; do
        [[ -n $name ]] || break
        file=$folder/$(printf %04d "$number")
        in_mariadb "$service" maria_dump "$name" </dev/null | compressed >"$file.dump" || return 1
        in_mariadb "$service" dump_events "$name" </dev/null >"$file.events.sql" || return 1
        number=$((number + 1))
    done <<<"$names"
    ((number > 0)) || return 3
}

# check_mariadb SERVICE: "ROWS TABLE" for each table of the dump on stdin, which has to be
# whole, and of one database: another would be restored past the new one.
check_mariadb() {
    uncompressed | LC_ALL=C awk '
        function name(from) { match(substr($0, from), /^`([^`]|``)*`/); return substr($0, from + 1, RLENGTH - 2) }
        function count(text) { gsub(/\\./, "", text); gsub(/\047[^\047]*\047/, "", text); return gsub(/\(/, "", text) }
        { whole = 0 }
        /^DELIMITER / { program = $2 != ";"; next }
        program { next }
        /^(USE|CREATE DATABASE) / { several = 1 }
        /^CREATE TABLE `/ { rows[table = name(14)] = 0; tables[++number] = table; next }
        /^INSERT INTO `/ { table = name(13); rows[table] += count(substr($0, index($0, " VALUES"))); next }
        /^\(/ { rows[table] += count($0); next }
        /^-- Dump completed/ { whole = 1 }
        END {
            if (several) { print "it is a dump of whole databases: make one of a single database, without --databases" >"/dev/stderr" }
            if (!whole) { print "it is a dump that ends before its end" >"/dev/stderr" }
            if (several || !whole) { exit 1 }
            for (i = 1; i <= number; i++) { print rows[tables[i]], tables[i] }
        }'
}

# restore_mariadb SERVICE FOLDER MANIFEST: the databases have the content of the dumps in
# FOLDER.
restore_mariadb() {
    local service=$1 folder=$2 manifest=$3 number count main file create rows name events
    in_mariadb "$service" maria_end_abandoned </dev/null || return
    if [[ -f $folder/users.sql ]]; then
        in_mariadb "$service" create_users <"$folder/users.sql" || return
    fi
    main=$(jq --raw-output '.main' <<<"$manifest") || return
    count=$(jq '.databases | length' <<<"$manifest") || return
    for ((number = 0; number < count; number++)); do
        file=$folder/$(jq --raw-output ".databases[$number].file" <<<"$manifest") || return
        name=$(jq --raw-output ".databases[$number].name" <<<"$manifest") || return
        create=$(jq --raw-output ".databases[$number].create" <<<"$manifest") || return
        uncompressed <"$file" | in_mariadb "$service" maria_fill "$number" "$create" || return
        rows=$(rows_of ".databases[$number]" "$manifest") || return
        in_mariadb "$service" maria_compare "$number" <<<"$rows" || return
        events=${file%.dump}.events.sql
        [[ -f $events ]] || events=/dev/null
        in_mariadb "$service" plan_exchange "$number" "$main" "$name" "$create" <"$events" || return
    done
    in_mariadb "$service" exchange_databases </dev/null
}

# finish_mariadb SERVICE: what a restore that was killed has begun to exchange is
# exchanged, and what it had only prepared is gone.
finish_mariadb() {
    in_mariadb "$1" maria_end_abandoned </dev/null
}

# holds_mariadb SERVICE: prints yes when any database holds something, else no.
holds_mariadb() {
    in_mariadb "$1" maria_holds </dev/null
}

# server_mariadb SERVICE: what the server has beside rows, as one JSON object.
server_mariadb() {
    in_mariadb "$1" maria_describe </dev/null
}

# fits_mariadb SERVICE VERSION: leaves with 3 unless the server can take a backup of that
# version: of no newer series, and not of the other product.
fits_mariadb() {
    local now of=MySQL is=MySQL
    now=$(in_mariadb "$1" maria_version </dev/null) || fail 3 "$1 does not say which version it is; nothing was changed"
    [[ $2 != *-MariaDB ]] || of=MariaDB
    [[ $now != *-MariaDB ]] || is=MariaDB
    [[ $of == "$is" ]] || fail 3 "it is a backup of $of ${2%-*}, and $1 is $is ${now%-*}; nothing was changed"
    not_newer "$1" "$of" "${2%-*}" "${now%-*}" 2
}

# in_mariadb SERVICE FUNCTION ARGUMENT…: runs FUNCTION in the database's container.
in_mariadb() {
    local service=$1 name=$2 functions
    shift 2
    functions=$(declare -f mariadb_client maria_sql dumper quoted hexed programs maria_end_abandoned maria_survey maria_describe maria_version describe_users \
        maria_holds maria_dump dump_events create_users maria_fill maria_compare plan_exchange exchange_databases exchange_database)
    docker compose exec -T "$service" bash -c \
        "set -euo pipefail; OWN='information_schema performance_schema mysql sys'; $functions; mariadb_client; $name \"\$@\"" "$name" "$@"
}

# The functions from here on run in the database's container, so that the tools are
# those of the server, with what the official images promise: bash, awk, od, a root who
# may log in from within, and the names of the variables with the password and database.

# mariadb_client: what to connect with, and the password, read where it is.
mariadb_client() {
    local file=${MARIADB_ROOT_PASSWORD_FILE:-${MYSQL_ROOT_PASSWORD_FILE:-}}
    unset MYSQL_HOST
    if ! SQL=$(type -P mariadb || type -P mysql) || ! DUMP=$(type -P mariadb-dump || type -P mysqldump); then
        printf '%s\n' "the server's image has not mariadb and mariadb-dump, or mysql and mysqldump" >&2
        return 1
    fi
    DATABASE=${MARIADB_DATABASE:-${MYSQL_DATABASE:-}}
    export MYSQL_PWD=${MARIADB_ROOT_PASSWORD:-${MYSQL_ROOT_PASSWORD:-}}
    [[ -z $file ]] || MYSQL_PWD=$(<"$file")
    [[ -n $MYSQL_PWD ]] || unset MYSQL_PWD
}

# maria_sql OPTION…: the bare answers to what is on stdin or in the options.
maria_sql() {
    "$SQL" --user=root --batch --raw --skip-column-names --skip-reconnect --default-character-set=utf8mb4 "$@"
}

# dumper OPTION…: the server's own dump tool. MySQL's would add the state of replication.
dumper() {
    local -a more=()
    [[ $DUMP == *mariadb-dump ]] || ! "$DUMP" --help | grep --quiet set-gtid-purged || more=(--set-gtid-purged=OFF)
    "$DUMP" --user=root --default-character-set=utf8mb4 --single-transaction --quick --hex-blob "${more[@]}" "$@"
}

# quoted NAME: NAME as SQL names it.
quoted() {
    printf "\`%s\`" "${1//\`/\`\`}"
}

# hexed: stdin as a string of SQL, whatever is in it.
hexed() {
    printf "x'%s'" "$(od -An -vtx1 | tr -d ' \n')"
}

# maria_end_abandoned: ends what a caller that was killed has left connected, carries out the
# exchange that it had planned, and removes what it had only prepared.
maria_end_abandoned() {
    local ready
    maria_sql --execute "SELECT CONCAT('KILL ', id, ';') FROM information_schema.processlist WHERE db LIKE 'slipway.%' AND id <> connection_id()" | maria_sql --force || true
    ready=$(maria_sql --execute "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'slipway.restore' AND table_name = 'ready'")
    [[ $ready == 0 ]] || exchange_databases
    maria_sql --execute "SELECT CONCAT('DROP DATABASE \`', schema_name, '\`;') FROM information_schema.schemata WHERE schema_name LIKE 'slipway.%' ORDER BY schema_name DESC" | maria_sql
}

# maria_survey: what maria_describe prints, and behind it the statements that make the
# users, without passwords.
maria_survey() {
    maria_end_abandoned
    maria_describe
    describe_users
}

# maria_describe: what the server has beside rows, as one JSON object: its version,
# its databases, and what a backup does not hold.
maria_describe() {
    maria_sql --execute "SET SESSION group_concat_max_len = 1000000;
        SELECT CONCAT('{\"server\": ', JSON_QUOTE('$(maria_version)'), ', \"main\": ', JSON_QUOTE(CONVERT($(printf %s "$DATABASE" | hexed) USING utf8mb4)),
            ', \"databases\": [', COALESCE(GROUP_CONCAT(JSON_OBJECT('name', schema_name, 'create',
                CONCAT('CHARACTER SET ', default_character_set_name, ' COLLATE ', default_collation_name)) ORDER BY schema_name), ''),
            '], \"lacks\": [\"the passwords of the users\", \"the configuration of the server\"',
            (SELECT CASE count(*) WHEN 0 THEN '' ELSE ', \"one moment of the tables that are not InnoDB''s\"' END FROM information_schema.tables
                WHERE NOT FIND_IN_SET(table_schema, REPLACE('$OWN', ' ', ',')) AND engine <> 'InnoDB'),
            (SELECT CASE count(*) WHEN 0 THEN '' ELSE ', \"the history of system-versioned tables\"' END FROM information_schema.tables
                WHERE table_type = 'SYSTEM VERSIONED'), ']}')
        FROM information_schema.schemata WHERE NOT FIND_IN_SET(schema_name, REPLACE('$OWN', ' ', ','))"
}

# maria_version: such as 11.8.3-MariaDB, or 8.4.6.
maria_version() {
    maria_sql --execute 'SELECT version()' | awk -F - '{ print $1 (/MariaDB/ ? "-MariaDB" : "") }'
}

# describe_users: the statements that make the users and roles and give them what they
# may do, each behind a line that says whose it is. A user is made locked: without a
# password anybody could be him.
describe_users() {
    local list is who
    list=$(maria_sql --execute "SELECT 'USER', CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user
        WHERE user NOT IN ('', 'root', 'mysql', 'mariadb.sys', 'healthcheck') AND user NOT LIKE 'mysql.%' AND host <> '' ORDER BY 2")
    if [[ $(maria_version) == *-MariaDB ]]; then
        list+=$'\n'$(maria_sql --execute "SELECT 'ROLE', QUOTE(user) FROM mysql.user WHERE is_role = 'Y' AND user <> 'PUBLIC' ORDER BY 2")
    fi
    while IFS=$'\t' read -r is who; do
        [[ -z $who ]] || printf -- '-- %s\nCREATE %s %s%s;\n' "$who" "$is" "$who" "$([[ $is == ROLE ]] || echo ' ACCOUNT LOCK')"
    done <<<"$list"
    while IFS=$'\t' read -r is who; do
        [[ -n $who ]] || continue
        printf -- '-- %s\n' "$who"
        maria_sql --execute "SHOW GRANTS FOR $who" </dev/null |
            sed -E "s/ IDENTIFIED (BY PASSWORD '[^']*'|(VIA|WITH) [A-Za-z0-9_]+( (USING|AS) '[^']*')?( OR [A-Za-z0-9_]+( USING '[^']*')?)*)//; s/\$/;/"
    done <<<"$list"
}

# maria_holds: prints yes when there is a table or a view, and no when there is none.
maria_holds() {
    maria_sql --execute "SELECT CASE WHEN EXISTS (SELECT 1 FROM information_schema.tables
        WHERE NOT FIND_IN_SET(table_schema, REPLACE('$OWN', ' ', ','))) THEN 'yes' ELSE 'no' END"
}

maria_dump() {
    dumper --routines --triggers --add-drop-trigger "$1"
}

# dump_events DATABASE: apart, for an event of a database that is being filled would run.
dump_events() {
    dumper --events --no-data --no-create-info --skip-triggers "$1"
}

# create_users: makes the users of maria_survey that are not there. One that is there
# keeps what it may do now.
create_users() {
    local there
    there=$(maria_sql --execute "SELECT CONCAT(QUOTE(user), '@', QUOTE(host)) FROM mysql.user UNION SELECT QUOTE(user) FROM mysql.user" </dev/null)
    there=$there awk '
        BEGIN { count = split(ENVIRON["there"], names, "\n"); for (i = 1; i <= count; i++) { known[names[i]] = 1 } }
        /^-- / { skip = substr($0, 4) in known; next }
        !skip { print }' | maria_sql
}

# maria_fill NUMBER CREATE: makes slipway.new.NUMBER, and restores the dump on stdin
# into it.
maria_fill() {
    maria_sql --execute "CREATE DATABASE \`slipway.new.$1\` $2" </dev/null
    maria_sql "slipway.new.$1"
}

# maria_compare NUMBER: fails unless each table of slipway.new.NUMBER has the rows that
# stdin says.
maria_compare() {
    local differ
    differ=$(awk 'NF {
            rows = $1; sub(/^[0-9]+ /, ""); table = $0; gsub(/\\/, "\\\\", table); gsub(/\047/, "\047\047", table)
            printf "SELECT \047%s has not the %s rows of the backup\047 FROM DUAL WHERE (SELECT count(*) FROM `%s`) <> %s;\n", table, rows, $0, rows
        }' | maria_sql "slipway.new.$1")
    [[ -z $differ ]] || { printf '%s\n' "$differ" >&2 && return 1; }
}

# plan_exchange NUMBER MAIN NAME CREATE: notes that slipway.new.NUMBER is to take the place
# of NAME, or of the database of the settings where NAME is MAIN, and what cannot be
# moved and is made there anew: views, triggers, programs, and the events on stdin.
plan_exchange() {
    local number=$1 name=$3 events views
    [[ -z $2 || $name != "$2" || -z $DATABASE ]] || name=$DATABASE
    events=$(hexed)
    views=$(programs "slipway.new.$number" | hexed)
    maria_sql --execute "CREATE DATABASE IF NOT EXISTS \`slipway.restore\`; USE \`slipway.restore\`;
        CREATE TABLE IF NOT EXISTS plan (number int PRIMARY KEY, name blob, made blob, programs longblob) ENGINE=InnoDB;
        CREATE TABLE \`waits.$number\` (nothing int) ENGINE=InnoDB" </dev/null
    printf 'INSERT INTO plan VALUES (%d, %s, %s, CONCAT(%s, %s));\n' "$number" "$(printf %s "$name" | hexed)" "$(printf %s "$4" | hexed)" "$views" "$events" |
        maria_sql slipway.restore
}

# programs DATABASE: its views, triggers, procedures and functions, as statements.
programs() {
    local -a views
    mapfile -t views < <(maria_sql --execute "SELECT table_name FROM information_schema.views WHERE table_schema = $(printf %s "$1" | hexed)" </dev/null)
    ((${#views[@]} == 0)) || dumper --no-data --skip-triggers "$1" "${views[@]}"
    dumper --no-data --no-create-info --routines --triggers --add-drop-trigger "$1"
}

# exchange_databases: carries out the plan. Once it is ready it is gone on with, whatever ends this.
exchange_databases() {
    local numbers number
    maria_sql slipway.restore --execute 'CREATE TABLE IF NOT EXISTS ready (nothing int) ENGINE=InnoDB' </dev/null
    numbers=$(maria_sql slipway.restore --execute 'SELECT number FROM plan ORDER BY number' </dev/null)
    for number in $numbers; do
        exchange_database "$number" </dev/null
    done
    maria_sql slipway.restore --execute 'DROP TABLE ready' </dev/null
    maria_sql --execute "DROP DATABASE \`slipway.restore\`" </dev/null
    for number in $numbers; do
        maria_sql --execute "DROP DATABASE \`slipway.new.$number\`" </dev/null
    done
}

# exchange_database NUMBER: slipway.new.NUMBER takes its place, unless it has done so: its
# tables move in one statement with the one that says so. Whoever else is about to do
# the same fails there, and has touched nothing.
exchange_database() {
    local number=$1 new=slipway.new.$1 name made waits triggers moves
    name=$(maria_sql slipway.restore --execute "SELECT name FROM plan WHERE number = $number")
    made=$(maria_sql slipway.restore --execute "SELECT made FROM plan WHERE number = $number")
    waits=$(maria_sql --execute "SELECT count(*) FROM information_schema.tables WHERE table_schema = 'slipway.restore' AND table_name = 'waits.$number'")
    if [[ $waits == 1 ]]; then
        triggers=$(maria_sql --execute "SELECT CONCAT('DROP TRIGGER IF EXISTS \`', REPLACE(trigger_name, '\`', '\`\`'), '\`;')
            FROM information_schema.triggers WHERE trigger_schema = '$new'")
        maria_sql "$new" <<<"$triggers"
        moves=$(maria_sql --execute "SELECT CONCAT(', \`$new\`.\`', REPLACE(table_name, '\`', '\`\`'), '\` TO ', $(quoted "$name" | hexed), '.\`', REPLACE(table_name, '\`', '\`\`'), '\`')
            FROM information_schema.tables WHERE table_schema = '$new' AND table_type <> 'VIEW'")
        name=$(quoted "$name")
        maria_sql slipway.restore <<<"SELECT GET_LOCK('slipway', 600) INTO @got; SELECT count(*) INTO @waits FROM \`waits.$number\`;
            SET FOREIGN_KEY_CHECKS = 0; DROP DATABASE IF EXISTS $name; CREATE DATABASE $name $made;
            RENAME TABLE \`waits.$number\` TO \`moved.$number\`$moves;"
        name=${name#\`} name=${name%\`} name=${name//\`\`/\`}
    fi
    maria_sql slipway.restore --execute "SELECT programs FROM plan WHERE number = $number" | maria_sql "$name"
}
