/** Wire types to domain types and back, one class per direction and subject. Nothing else sees protobuf. */
@NullMarked
package dev.caisson.shim.translate;

import org.jspecify.annotations.NullMarked;
