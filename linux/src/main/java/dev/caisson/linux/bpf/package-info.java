/**
 * BPF programs as data: assembling, interpreting and printing the classic kind that seccomp(2) takes, and the extended kind for device
 * control in cgroup v2. Pure Java: nothing here calls the kernel; loading a program is somebody else's job.
 *
 * <p>Start with {@link dev.caisson.linux.bpf.SeccompCompiler} (profile to filter) and {@link dev.caisson.linux.bpf.DeviceProgram} (device
 * rules to cgroup program). All values are immutable; all functions may be called from any thread.
 */
@NullMarked
package dev.caisson.linux.bpf;

import org.jspecify.annotations.NullMarked;
