package programfile

// ownImage leads to what this process runs, whatever became of its file (proc_pid_exe(5)).
const ownImage = "/proc/self/exe"
