# Part of the packages' scripts: scripts/linux-packages puts it into those that name it.

program=/usr/bin/cpx-agent

# agents_here lists the processes of the program, of all people, also of one that was
# replaced since. Those of another root, as a container's that is seen from here, are not
# ours: this system's package says nothing about them.
agents_here() {
	root=$(stat -L -c %d:%i / 2>/dev/null) || return 0
	for process in /proc/[0-9]*; do
		case $(readlink "$process/exe" 2>/dev/null) in
		"$program" | "$program (deleted)" | "$program.dpkg-"* | "$program;"*)
			[ "$(stat -L -c %d:%i "$process/root" 2>/dev/null)" != "$root" ] || echo "${process#/proc/}"
			;;
		esac
	done
}

# parent_of prints the parent of a process. A program's name may hold anything, ") "
# included, but is the last thing in its line that does.
parent_of() {
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 0
	line=${line##*) }
	line=${line#* }
	echo "${line%% *}"
}

# end_agents ends them: first in order, as at a person's "Quit", by those that started the
# others; a signature that the card has begun runs to its end meanwhile. What has not ended
# after ten seconds is killed. One of systemd's may be started anew then, hence the rounds.
end_agents() {
	for round in 1 2 3; do
		agents=$(agents_here | tr '\n' ' ')
		[ -n "$agents" ] || return 0
		for agent in $agents; do
			case " $agents" in
			*" $(parent_of "$agent") "*) ;;
			*) kill -TERM "$agent" 2>/dev/null || : ;;
			esac
		done
		tries=0
		while [ -n "$(agents_here)" ] && [ $tries -lt 40 ]; do
			sleep 0.25 2>/dev/null || sleep 1
			tries=$((tries + 1))
		done
		for agent in $(agents_here); do kill -KILL "$agent" 2>/dev/null || :; done
	done
	[ -z "$(agents_here)" ] || echo "cpx-bridge: these processes go on: $(agents_here | tr '\n' ' ')" >&2
}
