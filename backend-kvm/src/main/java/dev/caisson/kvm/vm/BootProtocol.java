package dev.caisson.kvm.vm;

/** How a kernel is entered. Both skip its own decompressor. */
public enum BootProtocol {
    /** 32-bit, by Xen's PVH convention; the kernel tells its entry by a note. */
    PVH,
    /** 64-bit, by Linux's own convention. */
    LINUX
}
