/* Linked into the sanitized build only. The monitor starts with an empty environment and /dev/null for its
 * standard streams, so where reports go cannot be said from outside. */
const char *__asan_default_options(void);
const char *__ubsan_default_options(void);

const char *__asan_default_options(void)
{
	return "log_path=" ASAN_LOG ":exitcode=99:detect_leaks=0:quarantine_size_mb=8";
}

const char *__ubsan_default_options(void)
{
	return "log_path=" ASAN_LOG ":exitcode=99:print_stacktrace=1";
}
