# bash completion of supctl: supctl itself says what may stand there, names of processes included
_supctl() {
    local cur prev words cword
    _init_completion -n := || return
    local i=1 socket=()
    while [[ $i -lt $cword && ${words[i]} == -* ]]; do
        case ${words[i]} in
        -s | --socket)
            socket=(-s "${words[i + 1]}")
            ((i++))
            ;;
        --socket=* | -s*) socket=("${words[i]}") ;;
        esac
        ((i++))
    done
    case $prev in
    -s | --socket)
        _filedir
        return
        ;;
    esac
    if [[ $cword -le $i && $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-s --socket --json --help --version' -- "$cur")
        return
    fi
    if [[ ${words[i]} == @(check|lint) && $cword -eq $((i + 1)) ]]; then
        _filedir conf
        return
    fi
    mapfile -t COMPREPLY < <(supctl "${socket[@]}" complete "${words[@]:i:cword - i}" "$cur" 2>/dev/null)
    __ltrim_colon_completions "$cur"
}
complete -F _supctl supctl
