/* libcaisson.so: the door to the kernel of caissond's Java, class dev.caisson.linux.Libc. Nothing of it is in the monitor.
 *
 * JNA and the foreign-memory API do the same in general, and take 45 and 35 ms of a daemon's start for it, more than the
 * virtual machine itself; a daemon that was killed is to be back before anybody notices. */
#include <jni.h>
#include <stdlib.h>

/* Any number with any arguments: bad pointers give EFAULT. Variadic syscall(3) would say -1 and keep the reason in errno,
 * which the virtual machine may change before Java asks for it. */
JNIEXPORT jlong JNICALL Java_dev_caisson_linux_Libc_call(JNIEnv *env, jclass type, jlong number, jlong a, jlong b, jlong c,
							 jlong d, jlong e, jlong f)
{
	long result;
	register long r10 __asm__("r10") = d;
	register long r8 __asm__("r8") = e;
	register long r9 __asm__("r9") = f;

	(void)env;
	(void)type;
	__asm__ volatile("syscall"
			 : "=a"(result)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
			 : "rcx", "r11", "memory");
	return result;
}

/* Zeroed memory, aligned for everything; 0 when there is none. */
JNIEXPORT jlong JNICALL Java_dev_caisson_linux_Libc_allocate(JNIEnv *env, jclass type, jint size)
{
	(void)env;
	(void)type;
	return (jlong)calloc(1, (size_t)size);
}

JNIEXPORT void JNICALL Java_dev_caisson_linux_Libc_free(JNIEnv *env, jclass type, jlong address)
{
	(void)env;
	(void)type;
	free((void *)address);
}

/* The memory as a ByteBuffer that does not own it: whoever holds it must not outlive free. */
JNIEXPORT jobject JNICALL Java_dev_caisson_linux_Libc_view(JNIEnv *env, jclass type, jlong address, jint size)
{
	(void)type;
	return (*env)->NewDirectByteBuffer(env, (void *)address, size);
}
