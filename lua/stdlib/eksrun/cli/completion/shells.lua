--- Scripts for shells. Each asks the program for the words, so that it never grows old; where there are none,
--- the shell completes files.
return {
  bash = [=[
# eksrun for bash: put  source <(eksrun completion bash)  into ~/.bashrc
_eksrun() {
  local line=${COMP_LINE:0:COMP_POINT} words current prefix i
  read -ra words <<<"$line"
  [[ $line == *[[:space:]] ]] && words+=("")
  current=${words[${#words[@]} - 1]}
  local IFS=$'\n'
  COMPREPLY=($(command eksrun completion words -- "${words[@]:1}" 2>/dev/null))
  COMPREPLY=("${COMPREPLY[@]%%$'\t'*}")
  # What stands behind = and : is a word of its own for bash.
  if [[ $current == *[=:]* ]]; then
    prefix=${current%"${current##*[=:]}"}
    COMPREPLY=("${COMPREPLY[@]#"$prefix"}")
  fi
  [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]] && compopt -o nospace 2>/dev/null
  return 0
}
complete -o default -F _eksrun eksrun
]=],

  zsh = [=[
#compdef eksrun
# eksrun for zsh: put  source <(eksrun completion zsh)  into ~/.zshrc, behind compinit
_eksrun() {
  local line
  local -a found
  for line in "${(@f)$(command eksrun completion words -- "${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    [[ -n $line ]] && found+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}")
  done
  if (( $#found )); then
    _describe eksrun found
  else
    _files
  fi
}
compdef _eksrun eksrun
]=],

  fish = [=[
# eksrun for fish: eksrun completion fish > ~/.config/fish/completions/eksrun.fish
function __eksrun_words
  command eksrun completion words -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null
end
complete -c eksrun -a '(__eksrun_words)'
]=],
}
