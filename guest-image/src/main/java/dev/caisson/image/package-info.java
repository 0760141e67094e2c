/** The recipe of a guest's kernel and initramfs: the same input gives the same bytes. Start reading at {@link GuestImage}. */
@NullMarked
package dev.caisson.image;

import org.jspecify.annotations.NullMarked;
