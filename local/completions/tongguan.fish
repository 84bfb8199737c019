# Print an optspec for argparse to handle cmd's options that are independent of any subcommand.
function __fish_tongguan_global_optspecs
    string join \n config= credentials= data= listen= utc h/help V/version
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

complete -c tongguan -n "__fish_tongguan_needs_command" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_needs_command" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_needs_command" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_needs_command" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_needs_command" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_needs_command" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_needs_command" -s V -l version -d 'Print version'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "serve" -d 'Run the hub (the default); without a configuration, make one first'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "check-config" -d 'Check the configuration and name every mistake in it'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "ledger" -d 'Print the ledger as JSON; exit code 1 when it does not balance'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "events" -d 'Look at events'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "replay" -d 'Start deliveries over; without --go it only tells which'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "push" -d 'Play a partner: push an example or a file by its rules'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "call" -d 'Call a partner through the hub that runs, or list what can be called'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "calls" -d 'Look at calls, or decide about one whose result nobody knows'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "partner" -d 'Play the partners that connections call on this machine: simulations, so that calls can be tried without an account'
complete -c tongguan -n "__fish_tongguan_needs_command" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand serve" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand check-config" -s h -l help -d 'Print help (see more with \'--help\')'
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand ledger" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -f -a "list" -d 'List events, the latest first'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -f -a "show" -d 'Show one event: what is known of it, its deliveries with every attempt, its payload'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -f -a "follow" -d 'Print events as they come'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and not __fish_seen_subcommand_from list show follow help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l connection -d 'Only of this connection' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l about -d 'Only about this subject, by any of its keys: order:S1, bl:CULVNAS2507540, entry:..., container:...' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l type -d 'Only of this type: xhq.single_receipt, xhq.*' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l state -d 'Only with a delivery in this state: pending, delivered, failed, confirmed' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l limit -d 'How many at the most' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l json -d 'One JSON object a line'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from list" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l body -d 'Only the payload, byte for byte, for a file or another program'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l connection -d 'Only of this connection' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l about -d 'Only about this subject, by any of its keys: order:S1, bl:CULVNAS2507540, entry:..., container:...' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l type -d 'Only of this type: xhq.single_receipt, xhq.*' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l state -d 'Only with a delivery in this state: pending, delivered, failed, confirmed' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l limit -d 'How many at the most' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l json -d 'One JSON object a line'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from follow" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "list" -d 'List events, the latest first'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one event: what is known of it, its deliveries with every attempt, its payload'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "follow" -d 'Print events as they come'
complete -c tongguan -n "__fish_tongguan_using_subcommand events; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l endpoint -d 'The endpoint to deliver to' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l now -d 'Send those that wait now, whatever they wait for: a retry, an open circuit, or the endpoint\'s Retry-After'
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l go -d 'Do it; without this, only tell which'
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand replay" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l file -d 'Push the bytes of this file instead of the example\'s' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l connection -d 'The connection to push through [default: the partner\'s first]' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l content-type -d 'Send this Content-Type' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l callback -d 'Push to the one URL that takes everything instead of the action\'s own'
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l fast -d 'Do not wait as long as the partner does between two tries'
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand push" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l file -d 'The body, JSON; `-` is standard input [default: {}]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l enclose -d 'A file that goes with the call' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l key -d 'The idempotency key: the same again asks for the same call [default: a new one]' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l wait -d 'How many seconds to wait for the result of a command, at most 25' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l example -d 'Print an example of the operation\'s body instead of calling it'
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand call" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l connection -d 'Only of this connection' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l subject -d 'Only about this subject, by any of its keys: order:S1, serial:A22060714485586949, mawb:...' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l state -d 'Only in this state: queued, succeeded, failed, ambiguous, cancelled' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l limit -d 'How many at the most' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -f -a "show" -d 'Show one call: where it stands, every attempt that is kept, the partner\'s answer'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -f -a "cancel" -d 'Cancel a queued call that is not being sent; the hub must run'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -f -a "retry" -d 'Send a queued call now, if it waits for a retry, a circuit, its turn, or the partner\'s Retry-After; the hub must run'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -f -a "resolve" -d 'Decide about an ambiguous call; the hub must run'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and not __fish_seen_subcommand_from show cancel retry resolve help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from show" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from cancel" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l go -d 'Do it; without this, only tell whether it can be done'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from retry" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from resolve" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from help" -f -a "show" -d 'Show one call: where it stands, every attempt that is kept, the partner\'s answer'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from help" -f -a "cancel" -d 'Cancel a queued call that is not being sent; the hub must run'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from help" -f -a "retry" -d 'Send a queued call now, if it waits for a retry, a circuit, its turn, or the partner\'s Retry-After; the hub must run'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from help" -f -a "resolve" -d 'Decide about an ambiguous call; the hub must run'
complete -c tongguan -n "__fish_tongguan_using_subcommand calls; and __fish_seen_subcommand_from help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner" -l config -d 'The configuration file [default: tongguan.toml]' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner" -l credentials -d 'The text of the credentials secret, in which { secret = "name" } of a configuration for AWS is looked up' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner" -l data -d 'The data folder, instead of the configuration\'s `data_dir`' -r -F
complete -c tongguan -n "__fish_tongguan_using_subcommand partner" -l listen -d 'The hub\'s address, instead of the configuration\'s `listen`: `serve` listens there, `push` and `call` ask there' -r
complete -c tongguan -n "__fish_tongguan_using_subcommand partner" -l drop-answers -d 'Do what is asked and never answer: what cannot be repeated becomes ambiguous'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner" -l utc -d 'Print times in UTC instead of this machine\'s zone; JSON has them in UTC always'
complete -c tongguan -n "__fish_tongguan_using_subcommand partner" -s h -l help -d 'Print help'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve check-config ledger events replay push call calls partner help" -f -a "serve" -d 'Run the hub (the default); without a configuration, make one first'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve check-config ledger events replay push call calls partner help" -f -a "check-config" -d 'Check the configuration and name every mistake in it'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve check-config ledger events replay push call calls partner help" -f -a "ledger" -d 'Print the ledger as JSON; exit code 1 when it does not balance'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve check-config ledger events replay push call calls partner help" -f -a "events" -d 'Look at events'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve check-config ledger events replay push call calls partner help" -f -a "replay" -d 'Start deliveries over; without --go it only tells which'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve check-config ledger events replay push call calls partner help" -f -a "push" -d 'Play a partner: push an example or a file by its rules'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve check-config ledger events replay push call calls partner help" -f -a "call" -d 'Call a partner through the hub that runs, or list what can be called'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve check-config ledger events replay push call calls partner help" -f -a "calls" -d 'Look at calls, or decide about one whose result nobody knows'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve check-config ledger events replay push call calls partner help" -f -a "partner" -d 'Play the partners that connections call on this machine: simulations, so that calls can be tried without an account'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and not __fish_seen_subcommand_from serve check-config ledger events replay push call calls partner help" -f -a "help" -d 'Print this message or the help of the given subcommand(s)'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from events" -f -a "list" -d 'List events, the latest first'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from events" -f -a "show" -d 'Show one event: what is known of it, its deliveries with every attempt, its payload'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from events" -f -a "follow" -d 'Print events as they come'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from calls" -f -a "show" -d 'Show one call: where it stands, every attempt that is kept, the partner\'s answer'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from calls" -f -a "cancel" -d 'Cancel a queued call that is not being sent; the hub must run'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from calls" -f -a "retry" -d 'Send a queued call now, if it waits for a retry, a circuit, its turn, or the partner\'s Retry-After; the hub must run'
complete -c tongguan -n "__fish_tongguan_using_subcommand help; and __fish_seen_subcommand_from calls" -f -a "resolve" -d 'Decide about an ambiguous call; the hub must run'
