# bash completion of supctl. The candidates come from supctl itself, names of programs from supd.

_supctl()
{
    local cur prev words cword i
    _get_comp_words_by_ref -n : cur prev words cword
    local -a socket=() command=()
    for ((i = 1; i < cword; i++)); do
        case ${#command[@]},${words[i]} in
            0,-s | 0,--socket) socket=(-s "${words[++i]-}") ;;
            0,--socket=*) socket=("${words[i]}") ;;
            0,-*) ;;
            *) command+=("${words[i]}") ;;
        esac
    done
    COMPREPLY=()
    if [[ ${command[0]-} == check || (${#command[@]} == 0 && $prev == @(-s|--socket)) ]]; then
        compopt -o default
    elif [[ ${#command[@]} == 0 && $cur == -* ]]; then
        mapfile -t COMPREPLY < <(compgen -W '-s --socket --json --help --version' -- "$cur")
    else
        mapfile -t COMPREPLY < <(supctl "${socket[@]}" complete "${command[@]}" "$cur" 2>/dev/null)
        __ltrim_colon_completions "$cur"
    fi
}

complete -F _supctl supctl
