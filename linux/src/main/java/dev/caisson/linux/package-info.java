/**
 * The only door to native code: named Linux system calls, their structures, and errno as a value or an exception.
 *
 * <p>Every call goes through one function, {@code Libc.call}; numbers and layouts live in
 * {@code Sys} and {@code Abi} and are compared with the C compiler's view by a test. Kernel objects are {@link
 * dev.caisson.linux.Fd}s with one owner. Outcomes that callers branch on (no such process, would block, already there) are
 * returned as {@link dev.caisson.linux.Errno} values; everything else is an {@link dev.caisson.linux.ErrnoException}. All
 * calls may be made from any thread. Start reading at {@code Libc}, then {@link dev.caisson.linux.HostFiles}.
 */
@NullMarked
package dev.caisson.linux;

import org.jspecify.annotations.NullMarked;
