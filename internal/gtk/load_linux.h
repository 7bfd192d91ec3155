// cpx_load loads the libraries, and returns NULL or why it cannot.
const char *cpx_load(int with_indicator);
