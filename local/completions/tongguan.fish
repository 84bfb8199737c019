# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tongguan_global_optspecs
    string join \n config= credentials= data= listen= hub= api-key-file= utc h/help V/version
end

function __fish_tongguan_needs_command
    # Figure out if the current invocation already has a command.
    set -l cmd (commandline -opc)
    set -e cmd[1]
    argparse -s (__fish_tongguan_global_optspecs) -- $cmd 2>/dev/null
    or return
    if set -q argv[1]
        # Also print the command, so this can be used to figure out what it is.
        echo $argv[1]
        return 1
    end
    return 0
end

function __fish_tongguan_using_subcommand
    set -l cmd (__fish_tongguan_needs_command)
    test -z "$cmd"
    and return 1
    contains -- $cmd[1] $argv
end

complete -c tongguan -n "__fish_tongguan_needs_command" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_needs_command" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_needs_command" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_needs_command" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_needs_command" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_needs_command" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_needs_command" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_needs_command" -s V -l version -d 'Print version'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "serve" -d 'Run the hub (the default); without a configuration file, create one first'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "init" -d 'Write a configuration for production, by options or, without them, by questions'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "check-config" -d 'Check the configuration and print every mistake in it'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "health" -d 'Ask a hub whether it can receive pushes; exit with 1 if it cannot, or does not answer'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "ledger" -d 'Print the ledger of each connection as JSON; exit with 1 if one does not balance'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "events" -d 'List, show or follow events'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "shipments" -d 'Show a shipment by any of its numbers, or list those with failed or unfinished work'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "replay" -d 'Start deliveries of an endpoint over; without --go, only print which'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "confirm" -d 'Confirm failed deliveries of an endpoint, which are then no longer listed; without --go, only print which'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "push" -d 'Play a partner: push an example or a file, with the partner\'s deadline and retries'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "call" -d 'Call a partner through a running hub, or list the operations that can be called'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "calls" -d 'List or show calls, send a queued one now, or decide about an ambiguous one'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "audit" -d 'List what was changed, by which key, and with which result'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "verify" -d 'Check evidence files, as `GET /shipments/<key>/evidence` gives them: offline, without a configuration'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "backup" -d 'Copy the database and the files of a hub, running or not, into a folder of backups'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "restore" -d 'Put a backup into the data folder, which must have no database, and have the hub start on hold'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "export" -d 'Write all that the database of a stopped hub holds to a file, to move it to another machine or to AWS'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "import" -d 'Make a database of the file of an export, and have the hub start on hold'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "release" -d 'End the hold of a hub that was started with --hold, restored or imported: it sends what waits'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "reload" -d 'Check the configuration and have the running hub take it, without losing a request'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "compact" -d 'Write the database anew, without the space that nothing uses; the hub must have stopped'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "partner" -d 'Simulate the partners whose `base_url` is on this machine, to try calls without an account; write or try the file of a partner'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "completions" -d 'Print the script by which a shell completes these commands'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l hold -d 'Receive, but send nothing: no delivery, no call, no question, no alert, until `tongguan release`; over restarts too'
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l connection -d 'A partner that there is an account at (xhq, trackingeyes, onedata, yanwen), and the id of the connection: xhq=xhq-sh; may be repeated' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l endpoint -d 'An ERP that receives events, and its URL: erp=https://erp.example.com/events; may be repeated' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l pull -d 'An ERP that asks for its events itself; may be repeated' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l public-url -d 'The URL at which partners reach the hub, behind its proxy' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l metrics -d 'Serve /metrics for Prometheus at 127.0.0.1:9464'
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand init" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l json -d 'Print one JSON object in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_using_subcommand health" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand health" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand health" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand health" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand health" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand health" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand health" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand health" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l json -d 'Print one JSON object per line, as it does without this option'
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -f -a "list" -d 'List events, latest first'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -f -a "show" -d 'Show one event: its metadata, its deliveries with every attempt that is kept, its payload'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -f -a "follow" -d 'Print events as they arrive'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l connection -d 'Only events of this connection' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l type -d 'Only events of this type: xhq.single_receipt, xhq.*' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l state -d 'Only events with a delivery in this state, or without any delivery' -r -f -a "pending\t''
delivered\t''
failed\t''
confirmed\t''
unrouted\t''"
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l since -d 'Only from this time on: so long ago (30m, 2h, 3d), a day (2026-11-28), or a time (RFC 3339)' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l until -d 'Only before this time' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l limit -d 'List at most this many' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object per line'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l about -d 'A number that the event is about: a hub finds it at once with this, and else searches its failed, pending and latest ones' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l body -d 'Print only the payload, byte for byte, for a file or another program'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l connection -d 'Only events of this connection' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l type -d 'Only events of this type: xhq.single_receipt, xhq.*' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l state -d 'Only events with a delivery in this state, or without any delivery' -r -f -a "pending\t''
delivered\t''
failed\t''
confirmed\t''
unrouted\t''"
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l json -d 'Print one JSON object per line'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "list" -d 'List events, latest first'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one event: its metadata, its deliveries with every attempt that is kept, its payload'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "follow" -d 'Print events as they arrive'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -l limit -d 'Show at most this many of its events and calls, the earliest' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -l json -d 'Print one JSON object in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -a "list" -d 'List shipments with failed or unfinished work, or without news'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -a "show" -d 'Show a shipment: its numbers and milestones, its events and calls'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and not __fish_seen_subcommand_from list show help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from list" -l state -d 'List shipments in this state: with failed work, with work that is under way, or without news' -r -f -a "failed\t''
open\t''
quiet\t''"
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from list" -l limit -d 'List at most this many' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from list" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from list" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from list" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from list" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from list" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from list" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from list" -l json -d 'Print one JSON object per line'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from list" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from show" -l limit -d 'Show at most this many of its events and calls, the earliest' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from show" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from show" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from show" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from show" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from show" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from show" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from help" -f -a "list" -d 'List shipments with failed or unfinished work, or without news'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show a shipment: its numbers and milestones, its events and calls'
complete -c tongguan -n "__fish_tongguan_using_subcommand shipments; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l endpoint -d 'Endpoint whose deliveries to change' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l about -d 'Only those about this order, bill, declaration, container or other number' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l go -d 'Change the deliveries; without --go, only print which'
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l json -d 'Print one JSON object'
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l now -d 'Send waiting deliveries now, whether they wait for a retry, an open circuit or the endpoint\'s Retry-After'
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l endpoint -d 'Endpoint whose deliveries to change' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l about -d 'Only those about this order, bill, declaration, container or other number' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l cutoff -d 'Confirm only what failed up to this time: so long ago (30m, 2h, 3d), a day (2026-11-28), or a time (RFC 3339) [default: half a minute ago, because what has just failed may not be listed yet]' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l go -d 'Change the deliveries; without --go, only print which'
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l json -d 'Print one JSON object'
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand confirm" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l file -d 'Push the bytes of this file, or of standard input (`-`), instead of the example\'s body' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l connection -d 'Push through this connection [default: the partner\'s first]' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l content-type -d 'Send this Content-Type header [default: the partner\'s, application/json for most]' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l callback -d 'Push to the partner\'s URL of all actions, instead of the action\'s own URL'
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l fast -d 'Retry at once, without the partner\'s pause between two tries'
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l file -d 'Send this JSON file as the body; `-` is standard input [default: {}]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l enclose -d 'Send this file with the call, up to 100 MiB' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l key -d 'Use this idempotency key; the same key again means the same call [default: a new one]' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l wait -d 'Wait up to this many seconds for the result of a command, at most 25' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l example -d 'Print an example of the operation\'s body, and call nothing'
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l json -d 'Print the answer in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l connection -d 'List only calls of this connection' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l operation -d 'List only calls of this operation' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l state -d 'List only calls in this state' -r -f -a "queued\t''
succeeded\t''
failed\t''
ambiguous\t''
cancelled\t''"
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l since -d 'Only from this time on: so long ago (30m, 2h, 3d), a day (2026-11-28), or a time (RFC 3339)' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l until -d 'Only before this time' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l limit -d 'List at most this many' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l json -d 'Print one JSON object per line'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -a "show" -d 'Show one call: its state, every attempt that is kept, the partner\'s answer'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -a "cancel" -d 'Cancel a queued call that is not being sent; the hub must be running'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -a "retry" -d 'Send a queued call now, if it waits for a retry, an open circuit, its turn or the partner\'s Retry-After; the hub must be running'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -a "resolve" -d 'Decide about an ambiguous call; the hub must be running'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l json -d 'Print one JSON object in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l json -d 'Print one JSON object in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l json -d 'Print one JSON object in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l go -d 'Send it; without --go, only print whether it can be sent'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l json -d 'Print one JSON object in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one call: its state, every attempt that is kept, the partner\'s answer'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'Cancel a queued call that is not being sent; the hub must be running'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Send a queued call now, if it waits for a retry, an open circuit, its turn or the partner\'s Retry-After; the hub must be running'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from help" -f -a "resolve" -d 'Decide about an ambiguous call; the hub must be running'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l key -d 'List only what the API key of this id did, or `command-line`, `invocation` or `hub`' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l action -d 'List only actions of this kind' -r -f -a "replay\t''
confirm\t''
resolve\t''
retry\t''
cancel\t''
call\t''
test\t''
configuration\t''
evidence\t''"
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l since -d 'Only from this time on: so long ago (30m, 2h, 3d), a day (2026-11-28), or a time (RFC 3339)' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l until -d 'Only before this time' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l limit -d 'List at most this many' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l json -d 'Print one JSON object per line'
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand audit" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand verify" -l head -d 'The head that the hub gave for the last part, as `GET /audit?action=evidence` has it' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand verify" -l extract -d 'Write the kept files of the shipment to this folder, each under its SHA-256' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand verify" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand verify" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand verify" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand verify" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand verify" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand verify" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand verify" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand verify" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_using_subcommand backup" -l keep -d 'Remove all but so many of the latest backups afterwards' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand backup" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand backup" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand backup" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand backup" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand backup" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand backup" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand backup" -l json -d 'Print one JSON object in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand backup" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand backup" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_using_subcommand restore" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand restore" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand restore" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand restore" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand restore" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand restore" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand restore" -l no-hold -d 'Do not have the hub start on hold: the original is gone, and has sent nothing since the backup'
complete -c tongguan -n "__fish_tongguan_using_subcommand restore" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand restore" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_using_subcommand export" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand export" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand export" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand export" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand export" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand export" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand export" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand export" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_using_subcommand import" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand import" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand import" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand import" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand import" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand import" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand import" -l no-hold -d 'Do not have the hub start on hold: the original has stopped for good'
complete -c tongguan -n "__fish_tongguan_using_subcommand import" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand import" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_using_subcommand release" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand release" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand release" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand release" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand release" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand release" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand release" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand release" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand reload" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand reload" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand reload" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand reload" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand reload" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand reload" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand reload" -l json -d 'Print one JSON object in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand reload" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand reload" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_using_subcommand compact" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand compact" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand compact" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand compact" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand compact" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand compact" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand compact" -l json -d 'Print one JSON object in one line'
complete -c tongguan -n "__fish_tongguan_using_subcommand compact" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand compact" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -l drop-answers -d 'Process every request and never answer: calls that cannot be repeated become ambiguous'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -a "new" -d 'Write NAME.toml, a commented skeleton of a partner\'s file'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -a "try" -d 'Push the examples of a partner\'s file through a hub in memory, and show events, keys, milestones, answers and requests'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and not __fish_seen_subcommand_from new try help" -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from new" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from new" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from new" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from new" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from new" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from new" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from new" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from new" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from try" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from try" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from try" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from try" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from try" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from try" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from try" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from try" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from help" -f -a "new" -d 'Write NAME.toml, a commented skeleton of a partner\'s file'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from help" -f -a "try" -d 'Push the examples of a partner\'s file through a hub in memory, and show events, keys, milestones, answers and requests'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand completions" -l config -d 'Read this configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand completions" -l credentials -d 'Read this text of the credentials secret, for each { secret = "name" } of a configuration for AWS' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand completions" -l data -d 'Use this data folder instead of the configuration\'s `data_dir`' -r -f -a "(__fish_complete_directories)"
complete -c tongguan -n "__fish_tongguan_using_subcommand completions" -l listen -d 'Use this address of the hub instead of the configuration\'s `listen`: `serve` listens there; `push`, `call` and `calls` connect there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand completions" -l hub -d 'Ask the hub at this URL, instead of the one in [hub] of the configuration, or of reading the database' -r -f
complete -c tongguan -n "__fish_tongguan_using_subcommand completions" -l api-key-file -d 'Ask the hub with the API key in this file' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand completions" -l utc -d 'Print times in UTC instead of this machine\'s zone; in JSON they are always in UTC'
complete -c tongguan -n "__fish_tongguan_using_subcommand completions" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "serve" -d 'Run the hub (the default); without a configuration file, create one first'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "init" -d 'Write a configuration for production, by options or, without them, by questions'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "check-config" -d 'Check the configuration and print every mistake in it'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "health" -d 'Ask a hub whether it can receive pushes; exit with 1 if it cannot, or does not answer'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "ledger" -d 'Print the ledger of each connection as JSON; exit with 1 if one does not balance'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "events" -d 'List, show or follow events'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "shipments" -d 'Show a shipment by any of its numbers, or list those with failed or unfinished work'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "replay" -d 'Start deliveries of an endpoint over; without --go, only print which'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "confirm" -d 'Confirm failed deliveries of an endpoint, which are then no longer listed; without --go, only print which'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "push" -d 'Play a partner: push an example or a file, with the partner\'s deadline and retries'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "call" -d 'Call a partner through a running hub, or list the operations that can be called'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "calls" -d 'List or show calls, send a queued one now, or decide about an ambiguous one'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "audit" -d 'List what was changed, by which key, and with which result'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "verify" -d 'Check evidence files, as `GET /shipments/<key>/evidence` gives them: offline, without a configuration'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "backup" -d 'Copy the database and the files of a hub, running or not, into a folder of backups'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "restore" -d 'Put a backup into the data folder, which must have no database, and have the hub start on hold'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "export" -d 'Write all that the database of a stopped hub holds to a file, to move it to another machine or to AWS'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "import" -d 'Make a database of the file of an export, and have the hub start on hold'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "release" -d 'End the hold of a hub that was started with --hold, restored or imported: it sends what waits'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "reload" -d 'Check the configuration and have the running hub take it, without losing a request'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "compact" -d 'Write the database anew, without the space that nothing uses; the hub must have stopped'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "partner" -d 'Simulate the partners whose `base_url` is on this machine, to try calls without an account; write or try the file of a partner'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "completions" -d 'Print the script by which a shell completes these commands'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve init check-config health ledger events shipments replay confirm push call calls audit verify backup restore export import release reload compact partner completions help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from events" -f -a "list" -d 'List events, latest first'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from events" -f -a "show" -d 'Show one event: its metadata, its deliveries with every attempt that is kept, its payload'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from events" -f -a "follow" -d 'Print events as they arrive'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from shipments" -f -a "list" -d 'List shipments with failed or unfinished work, or without news'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from shipments" -f -a "show" -d 'Show a shipment: its numbers and milestones, its events and calls'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from calls" -f -a "show" -d 'Show one call: its state, every attempt that is kept, the partner\'s answer'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from calls" -f -a "cancel" -d 'Cancel a queued call that is not being sent; the hub must be running'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from calls" -f -a "retry" -d 'Send a queued call now, if it waits for a retry, an open circuit, its turn or the partner\'s Retry-After; the hub must be running'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from calls" -f -a "resolve" -d 'Decide about an ambiguous call; the hub must be running'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from partner" -f -a "new" -d 'Write NAME.toml, a commented skeleton of a partner\'s file'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from partner" -f -a "try" -d 'Push the examples of a partner\'s file through a hub in memory, and show events, keys, milestones, answers and requests'
